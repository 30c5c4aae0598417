package apiproxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	cbor "k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/values/apiwire"
)

// cborPrefix begins each object of the API as CBOR: it is the tag of self-described CBOR.
const cborPrefix = "\xd9\xd9\xf7"

// onlyProtobuf returns the only object of a list in protobuf, with all its fields, also those that are not known here.
func onlyProtobuf(raw []byte, planned *plan, v sees) ([]byte, error) {
	var document runtime.Unknown
	list, is := bytes.CutPrefix(raw, []byte(window.ProtobufPrefix))
	if !is {
		return nil, errors.New("the API server's answer is not protobuf")
	}
	if err := document.Unmarshal(list); err != nil {
		return nil, fmt.Errorf("the API server's answer: %w", err)
	}
	items, err := apiwire.ListItems(document.Raw)
	if err != nil {
		return nil, err
	}
	if len(items) != 1 {
		return nil, absent(planned.request.Kind, planned.request.Name)
	}
	var item metav1.PartialObjectMetadata
	if err := item.Unmarshal(items[0]); err != nil {
		return nil, fmt.Errorf("the API server's answer: %w", err)
	}
	var o objectDocument
	o.Metadata.Name, o.Metadata.Namespace, o.Metadata.Labels = item.Name, item.Namespace, item.Labels
	if err := hidden(o, planned, v); err != nil {
		return nil, err
	}
	document.Kind, document.Raw = strings.TrimSuffix(document.Kind, "List"), items[0]
	object, err := document.Marshal()
	return append([]byte(window.ProtobufPrefix), object...), err
}

// onlyCBOR returns the only object of a list in CBOR, which an API server with the feature gate CBORServingAndStorage answers.
func onlyCBOR(raw []byte, planned *plan, v sees) ([]byte, error) {
	var list map[string]any
	if err := cbor.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("the API server's answer: %w", err)
	}
	items, _ := list["items"].([]any)
	if len(items) != 1 {
		return nil, absent(planned.request.Kind, planned.request.Name)
	}
	object, _ := items[0].(map[string]any)
	text, err := json.Marshal(map[string]any{"metadata": object["metadata"]})
	if err != nil {
		return nil, fmt.Errorf("the API server's answer: %w", err)
	}
	item, _ := metadataOf(text, false)
	if err := hidden(item, planned, v); err != nil {
		return nil, err
	}
	if kind, _ := list["kind"].(string); object["kind"] == nil {
		object["kind"], object["apiVersion"] = strings.TrimSuffix(kind, "List"), list["apiVersion"]
	}
	text, err = cbor.Marshal(object)
	return append([]byte(cborPrefix), text...), err
}

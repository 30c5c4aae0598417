package window

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// mostCoded bounds a body of YAML or protobuf, of which two bytes may be a hundred in memory.
const mostCoded = 128 << 10

// ProtobufPrefix begins each object of the API as protobuf.
const ProtobufPrefix = "k8s\x00"

// StaleError refuses a write whose caller has seen another state of the object.
type StaleError struct{}

func (StaleError) Error() string {
	return "the object has been modified; please apply your changes to the latest version and try again"
}

// FormError refuses a body in a form to which no precondition can be added here.
type FormError struct{ Form string }

func (e FormError) Error() string {
	return fmt.Sprintf("the API proxy does not read bodies of the form %q; send JSON, YAML or protobuf", e.Form)
}

// Conditional returns the body of an update or a patch, and its form, with a condition: the API server refuses it unless the object is in
// this state.
func Conditional(form string, body []byte, state metav1.ObjectMeta) ([]byte, string, error) {
	media, _, _ := strings.Cut(strings.ToLower(form), ";")
	var out []byte
	var err error
	switch media = strings.TrimSpace(media); media {
	case "", runtime.ContentTypeJSON, runtime.ContentTypeYAML:
		media = runtime.ContentTypeJSON
		out, err = onState(body, state, false)
	case runtime.ContentTypeProtobuf:
		out, err = onStateProtobuf(body, state)
	case string(types.MergePatchType), string(types.StrategicMergePatchType):
		out, err = onState(body, state, false)
	case string(types.ApplyYAMLPatchType):
		out, err = onState(body, state, true)
	case string(types.JSONPatchType):
		out, err = testState(body, state)
	default:
		return nil, "", FormError{form}
	}
	return out, media, err
}

// onState sets the resource version of an object or of a merge patch. An apply, which would create an object, has the UID too.
func onState(body []byte, state metav1.ObjectMeta, apply bool) ([]byte, error) {
	text, err := asJSON(body)
	if err != nil {
		return nil, bad("the body is malformed: %v", err)
	}
	var document, metadata map[string]json.RawMessage
	if err := json.Unmarshal(text, &document); err != nil || document == nil {
		return nil, bad("the body is not an object: %v", err)
	}
	if raw, has := document["metadata"]; has {
		if err := json.Unmarshal(raw, &metadata); err != nil {
			return nil, bad("the body's metadata is not an object: %v", err)
		}
	}
	if metadata == nil {
		metadata = map[string]json.RawMessage{}
	}
	if theirs := metadata["resourceVersion"]; len(theirs) > 0 && string(theirs) != "null" && string(theirs) != `""` && string(theirs) != quoted(state.ResourceVersion) {
		return nil, StaleError{}
	}
	metadata["resourceVersion"] = json.RawMessage(quoted(state.ResourceVersion))
	if apply {
		if theirs := metadata["uid"]; len(theirs) > 0 && string(theirs) != quoted(string(state.UID)) {
			return nil, StaleError{}
		}
		metadata["uid"] = json.RawMessage(quoted(string(state.UID)))
	}
	if document["metadata"], err = json.Marshal(metadata); err != nil {
		return nil, bad("the body's metadata is malformed: %v", err)
	}
	return json.Marshal(document)
}

// testState has a JSON patch begin with a test of the resource version. The operations are not decoded: in memory one has many times its bytes.
func testState(body []byte, state metav1.ObjectMeta) ([]byte, error) {
	operations, is := bytes.CutPrefix(bytes.TrimSpace(body), []byte("["))
	if !is || !json.Valid(body) {
		return nil, bad("the body is not a JSON patch")
	}
	out := append(make([]byte, 0, len(body)+256), `[{"op":"test","path":"/metadata/resourceVersion","value":`...)
	out = append(append(out, quoted(state.ResourceVersion)...), '}')
	if operations = bytes.TrimSpace(operations); operations[0] != ']' {
		out = append(out, ',')
	}
	return append(out, operations...), nil
}

// onStateProtobuf sets the resource version of an object by a field that is added at its end: each object of the API has its metadata as
// field 1, the metadata has the resource version as field 6, and what comes last holds.
func onStateProtobuf(body []byte, state metav1.ObjectMeta) ([]byte, error) {
	var envelope runtime.Unknown
	rest, is := bytes.CutPrefix(body, []byte(ProtobufPrefix))
	if !is || len(body) > mostCoded || envelope.Unmarshal(rest) != nil {
		return nil, bad("the body is not an object as protobuf, or is larger than %d KiB; send JSON", mostCoded>>10)
	}
	var theirs metav1.PartialObjectMetadata
	if err := theirs.Unmarshal(envelope.Raw); err != nil {
		return nil, bad("the body is not an object as protobuf: %v", err)
	}
	version := state.ResourceVersion
	if theirs.ResourceVersion != "" && theirs.ResourceVersion != version || len(version) > 64 {
		return nil, StaleError{}
	}
	envelope.Raw = append(bytes.Clone(envelope.Raw), 0x0a, byte(len(version)+2), 0x32, byte(len(version))) //nolint:gosec // It has at most 64 bytes.
	envelope.Raw = append(envelope.Raw, version...)
	out, err := envelope.Marshal()
	return append([]byte(ProtobufPrefix), out...), err
}

// ConditionalDelete returns the options of a deletion as JSON, with a condition: the API server refuses it unless the object is in this state.
// Options of the query hold where there is no body.
func ConditionalDelete(body []byte, query url.Values, state metav1.ObjectMeta) ([]byte, error) {
	options, err := deleteOptions(body, query)
	if err != nil {
		return nil, err
	}
	options.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "DeleteOptions"}
	if p := options.Preconditions; p != nil && (p.UID != nil && *p.UID != state.UID || p.ResourceVersion != nil && *p.ResourceVersion != state.ResourceVersion) {
		return nil, StaleError{}
	}
	options.Preconditions = &metav1.Preconditions{UID: &state.UID, ResourceVersion: &state.ResourceVersion}
	return json.Marshal(options)
}

// deleteOptions reads the options of a DELETE as the API server does: from the body, in JSON, YAML or protobuf, or, if there is no body, from the
// query.
func deleteOptions(body []byte, query url.Values) (metav1.DeleteOptions, error) {
	var options metav1.DeleteOptions
	rest, isProtobuf := bytes.CutPrefix(body, []byte(ProtobufPrefix))
	switch {
	case len(body) == 0:
		if err := metav1.Convert_url_Values_To_v1_DeleteOptions(&query, &options, nil); err != nil {
			return options, bad("the query is malformed: %v", err)
		}
	case isProtobuf:
		var envelope runtime.Unknown
		if len(body) > mostCoded || envelope.Unmarshal(rest) != nil || options.Unmarshal(envelope.Raw) != nil {
			return options, bad("the body is not DeleteOptions as protobuf, or is larger than %d KiB; send JSON", mostCoded>>10)
		}
	default:
		text, err := asJSON(body)
		if err == nil {
			err = utiljson.Unmarshal(text, &options)
		}
		if err != nil {
			return options, bad("the body is not DeleteOptions: %v", err)
		}
	}
	return options, nil
}

// asJSON returns a document of YAML as JSON. One of JSON stays as it is. By aliases, each of which takes an anchor, a small document of YAML would be one
// of gigabytes.
func asJSON(body []byte) ([]byte, error) {
	switch {
	case json.Valid(body):
		return body, nil
	case len(body) > mostCoded:
		return nil, bad("YAML of more than %d KiB; send JSON", mostCoded>>10)
	case bytes.ContainsRune(body, '&') && bytes.ContainsRune(body, '*'):
		return nil, bad("YAML with & and *, which may be an alias; send JSON")
	}
	return yaml.YAMLToJSON(body)
}

func quoted(text string) string {
	out, _ := json.Marshal(text) // a string has always a form
	return string(out)
}

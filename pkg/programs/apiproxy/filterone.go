package apiproxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"data-space.liqo.io/pkg/decisions/window"
)

// maxObject bounds an object that is read as a whole; the API server's own bound for one is 3 MiB.
const maxObject = 16 << 20

// listDocument is a list of the API, or a table.
type listDocument struct {
	Kind       string            `json:"kind"`
	APIVersion string            `json:"apiVersion"`
	Metadata   json.RawMessage   `json:"metadata"`
	Columns    json.RawMessage   `json:"columnDefinitions"`
	Items      []json.RawMessage `json:"items"`
	Rows       []json.RawMessage `json:"rows"`
}

// objectDocument is what decides about an object.
type objectDocument struct {
	raw json.RawMessage // the object as a whole, as far as it was asked for

	Metadata struct {
		Name            string            `json:"name"`
		Namespace       string            `json:"namespace"`
		UID             string            `json:"uid"`
		ResourceVersion string            `json:"resourceVersion"`
		Labels          map[string]string `json:"labels"`
	} `json:"metadata"`
}

// filterOne replaces a list by its only object, or by the answer for an object that does not exist.
func (p *proxy) filterOne(planned *plan, r *http.Response, only func(list []byte, planned *plan, v sees) ([]byte, error)) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxObject+1))
	closing := r.Body.Close()
	if err != nil || closing != nil || len(raw) > maxObject {
		return errors.Join(err, closing, fmt.Errorf("the answer has %d bytes", len(raw)))
	}
	document, err := only(raw, planned, p.sight(r.Request.Context(), planned, now))
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(document)), int64(len(document))
	r.Header.Set("Content-Length", strconv.Itoa(len(document)))
	return nil
}

// onlyJSON returns the only object of a list or a table.
func onlyJSON(raw []byte, planned *plan, v sees) ([]byte, error) {
	var list listDocument
	if err := utiljson.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("the API server's answer: %w", err)
	}
	rows := slices.Concat(list.Items, list.Rows)
	if len(rows) != 1 {
		return nil, absent(planned.request.Kind, planned.request.Name)
	}
	object, _ := metadataOf(rows[0], len(list.Rows) == 1)
	if err := hidden(object, planned, v); err != nil {
		return nil, err
	}
	if len(list.Rows) == 1 {
		return json.Marshal(map[string]any{
			"kind": list.Kind, "apiVersion": list.APIVersion, "columnDefinitions": list.Columns, "rows": list.Rows,
			"metadata": map[string]string{"resourceVersion": object.Metadata.ResourceVersion},
		})
	}
	return typed(rows[0], strings.TrimSuffix(list.Kind, "List"), list.APIVersion)
}

// hidden returns the answer for an object that does not exist, unless this is the one that was asked for, and the caller sees it.
func hidden(object objectDocument, planned *plan, v sees) error {
	if object.Metadata.Name != "" && object.Metadata.Name == planned.request.Name {
		if planned.verdict.Action != window.Filter {
			return nil // the API server has applied the selector
		}
		if shown, err := v(object); shown || err != nil {
			return err
		}
	}
	return absent(planned.request.Kind, planned.request.Name)
}

// typed gives an item of a list its kind: items of built-in kinds do not bear it.
func typed(item json.RawMessage, kind, version string) ([]byte, error) {
	var has struct {
		Kind string `json:"kind"`
	}
	if err := utiljson.Unmarshal(item, &has); err != nil {
		return nil, fmt.Errorf("the API server's answer: %w", err)
	}
	if has.Kind != "" {
		return append(item, '\n'), nil
	}
	head, err := json.Marshal(map[string]string{"kind": kind, "apiVersion": version})
	if err != nil {
		return nil, err
	}
	head[len(head)-1] = ','
	return append(append(head, bytes.TrimPrefix(bytes.TrimSpace(item), []byte("{"))...), '\n'), nil
}

// metadataOf returns what decides about an item of a list, or about a row of a table.
func metadataOf(raw json.RawMessage, row bool) (objectDocument, bool) {
	if row {
		var r struct {
			Object json.RawMessage `json:"object"`
		}
		if utiljson.Unmarshal(raw, &r) != nil || len(r.Object) == 0 {
			return objectDocument{}, false
		}
		raw = r.Object
	}
	o := objectDocument{raw: raw}
	err := utiljson.Unmarshal(raw, &o)
	return o, err == nil && o.Metadata.Name != ""
}

// sees reports whether a caller sees an object.
type sees func(o objectDocument) (bool, error)

// seeing are the objects that visibility shows.
func seeing(v window.Visible) sees {
	return func(o objectDocument) (bool, error) {
		return v.Shows(o.Metadata.Name, o.Metadata.Namespace, o.Metadata.Labels), nil
	}
}

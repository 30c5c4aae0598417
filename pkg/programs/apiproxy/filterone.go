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
		ResourceVersion string            `json:"resourceVersion"`
		Labels          map[string]string `json:"labels"`
	} `json:"metadata"`
}

// filterOne replaces a list by its only object, or by the answer for an object that does not exist.
func (p *proxy) filterOne(planned *plan, r *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxObject+1))
	closing := r.Body.Close()
	if err != nil || closing != nil || len(raw) > maxObject {
		return errors.Join(err, closing, fmt.Errorf("the answer has %d bytes", len(raw)))
	}
	var list listDocument
	if err := utiljson.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("the API server's answer: %w", err)
	}
	document, err := onlyObject(list, planned, p.sight(r.Request.Context(), planned, now))
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(document)), int64(len(document))
	r.Header.Set("Content-Length", strconv.Itoa(len(document)))
	return nil
}

func onlyObject(list listDocument, planned *plan, v sees) ([]byte, error) {
	notFound := absent(planned.request.Kind, planned.request.Name)
	rows := slices.Concat(list.Items, list.Rows)
	if len(rows) != 1 {
		return nil, notFound
	}
	object, ok := metadataOf(rows[0], len(list.Rows) == 1)
	if !ok || object.Metadata.Name != planned.request.Name {
		return nil, notFound
	}
	if planned.verdict.Action == window.Filter {
		switch shown, err := v(object); {
		case err != nil:
			return nil, err
		case !shown:
			return nil, notFound
		}
	}
	if len(list.Rows) == 1 {
		return json.Marshal(map[string]any{
			"kind": list.Kind, "apiVersion": list.APIVersion, "columnDefinitions": list.Columns, "rows": list.Rows,
			"metadata": map[string]string{"resourceVersion": object.Metadata.ResourceVersion},
		})
	}
	return typed(rows[0], strings.TrimSuffix(list.Kind, "List"), list.APIVersion)
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

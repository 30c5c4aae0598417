package apiproxy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// event is one of a watch.
type event struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

// eventFilter copies the events of objects that the caller sees.
type eventFilter struct {
	sees    sees
	out     *bufio.Writer
	shown   map[string]bool // names of the objects that the caller sees now, where labels decide
	columns json.RawMessage // of a table, until an event has brought them to the caller
}

// run copies until the stream or the watch ends.
func (f *eventFilter) run(ctx context.Context, from io.Reader) error {
	for in := json.NewDecoder(from); ; {
		var e event
		err := in.Decode(&e)
		if err != nil {
			return f.end(ctx, err)
		}
		if err := f.pass(e); err != nil {
			return f.end(ctx, err)
		}
		if err := f.out.Flush(); err != nil {
			return err
		}
	}
}

// end ends the answer as the API server ends one, unless the stream was broken. If what the caller sees has changed, it is to list again.
func (f *eventFilter) end(ctx context.Context, err error) error {
	why := endedHere(ctx)
	if why != "" || errors.Is(err, io.EOF) {
		err = nil
	}
	if why != changed {
		return err
	}
	return f.write(event{Type: "ERROR", Object: statusDocument(statusOf(apierrors.NewResourceExpired(string(changed))))})
}

func (f *eventFilter) pass(e event) error {
	if e.Type == "BOOKMARK" || e.Type == "ERROR" {
		return f.write(e)
	}
	table := map[string]json.RawMessage{}
	raw := e.Object
	if err := json.Unmarshal(raw, &table); err != nil {
		return fmt.Errorf("the API server's answer: %w", err)
	}
	isTable := string(table["kind"]) == `"Table"`
	if isTable {
		var rows []json.RawMessage
		if err := json.Unmarshal(table["rows"], &rows); err != nil {
			return fmt.Errorf("the API server's answer: %w", err)
		}
		if len(rows) != 1 {
			return nil
		}
		raw = rows[0]
		if columns := table["columnDefinitions"]; len(columns) > 0 && string(columns) != "null" && string(columns) != "[]" {
			f.columns = columns
		}
	}
	object, ok := metadataOf(raw, isTable)
	if !ok {
		return nil
	}
	kept, gone, err := f.turn(&e, object)
	if !kept || err != nil {
		return err
	}
	if isTable && f.columns != nil {
		table["columnDefinitions"], f.columns = f.columns, nil
		if e.Object, err = json.Marshal(table); err != nil {
			return err
		}
	}
	switch {
	case !gone:
		return f.write(e)
	case isTable:
		return nil
	}
	return f.write(event{e.Type, stub(table, object)})
}

// turn makes the event what the caller sees of it. It reports whether the caller gets an event, and whether an object that still exists is
// hidden from now on.
func (f *eventFilter) turn(e *event, object objectDocument) (kept, hidden bool, err error) {
	name := object.Metadata.Name
	shows, err := f.sees(object)
	if err != nil {
		return false, false, err
	}
	if f.shown == nil {
		return shows, false, nil
	}
	before := f.shown[name]
	delete(f.shown, name)
	switch {
	case e.Type == "DELETED":
		return before, before && !shows, nil
	case shows:
		f.shown[name] = true
		if !before {
			e.Type = "ADDED"
		}
		return true, false, nil
	}
	e.Type = "DELETED"
	return before, before, nil
}

// stub returns what the event of an object that becomes hidden has of it: its kind, name, UID (by which browsers' dashboards know it) and resource version.
func stub(object map[string]json.RawMessage, o objectDocument) json.RawMessage {
	text, err := json.Marshal(map[string]any{
		"kind": object["kind"], "apiVersion": object["apiVersion"],
		"metadata": map[string]string{"name": o.Metadata.Name, "uid": o.Metadata.UID, "resourceVersion": o.Metadata.ResourceVersion},
	})
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return text
}

func (f *eventFilter) write(e event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = f.out.Write(append(text, '\n'))
	return errors.Join(err, f.out.Flush())
}

// snapshot returns the names of the objects that the caller saw where a watch begins. A watch that begins with all objects needs none.
func (p *proxy) snapshot(ctx context.Context, planned *plan) (map[string]bool, error) {
	shown := map[string]bool{}
	version := planned.verdict.Query.Get("resourceVersion")
	if version == "" || version == "0" || planned.verdict.Query.Get("sendInitialEvents") == "true" {
		return shown, nil
	}
	query := url.Values{"resourceVersion": {version}, "resourceVersionMatch": {"Exact"}}
	for _, name := range []string{"labelSelector", "fieldSelector"} {
		if planned.verdict.Query.Has(name) {
			query.Set(name, planned.verdict.Query.Get(name))
		}
	}
	if planned.verdict.OwnVolumes {
		return p.volumesSeen(ctx, planned, query, version)
	}
	end, err := p.heavy.begin(ctx, strings.Join(planned.ids, ","))
	if err != nil {
		return nil, err
	}
	defer end()
	seen := p.sight(ctx, planned, version)
	return shown, p.objects(ctx, planned.verdict.Path, query, metadataOnly, func(object objectDocument) error {
		shows, err := seen(object)
		if shows {
			shown[object.Metadata.Name] = true
		}
		return err
	})
}

// metadataOnly accepts lists of objects without their content.
const metadataOnly = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

// objects reads objects in a form, as the proxy itself, one at a time.
func (p *proxy) objects(ctx context.Context, path string, query url.Values, accept string, each func(objectDocument) error) error {
	response, err := p.list(ctx, path, query, accept)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return apierrors.NewResourceExpired("too old resource version, or the API proxy lacks a right")
	}
	in := json.NewDecoder(response.Body)
	for {
		token, err := in.Token()
		if err != nil {
			return fmt.Errorf("the API server's answer: %w", noEnd(err))
		}
		if token == "items" {
			break
		}
	}
	if err := expect(in, json.Delim('[')); err != nil {
		return err
	}
	for in.More() {
		var raw json.RawMessage
		if err := in.Decode(&raw); err != nil {
			return fmt.Errorf("the API server's answer: %w", noEnd(err))
		}
		if object, ok := metadataOf(raw, false); ok {
			if err := each(object); err != nil {
				return err
			}
		}
	}
	return expect(in, json.Delim(']'))
}

// list asks for a list of objects in a form, as the proxy itself.
func (p *proxy) list(ctx context.Context, path string, query url.Values, accept string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://upstream/", nil)
	if err != nil {
		return nil, err
	}
	p.server.Aim(request, path, "", query.Encode())
	request.Header.Set("Accept", accept)
	return p.server.RoundTrip(request)
}

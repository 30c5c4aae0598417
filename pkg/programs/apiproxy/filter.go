package apiproxy

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"data-space.liqo.io/pkg/decisions/window"
)

// filter replaces the body of an answer by what the caller may see of it. An answer in another form than JSON is not shown.
func (p *proxy) filter(planned *plan, r *http.Response) error {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	only, read := map[string]func([]byte, *plan, sees) ([]byte, error){"application/json": onlyJSON, window.FormProtobuf: onlyProtobuf, window.FormCBOR: onlyCBOR}[media]
	if err != nil || !read || !planned.verdict.One && media != "application/json" || r.Header.Get("Content-Encoding") != "" {
		return fmt.Errorf("the API server answers in the form %q, which is not read here", r.Header.Get("Content-Type"))
	}
	if planned.verdict.One {
		return p.filterOne(planned, r, only)
	}
	ctx := r.Request.Context()
	var shown map[string]bool
	if planned.verdict.Watch && (planned.verdict.OwnVolumes || planned.verdict.Visible.ByLabels()) {
		if shown, err = p.snapshot(ctx, planned); err != nil {
			return err
		}
	}
	from := r.Body
	reader, writer := io.Pipe()
	r.Body, r.ContentLength = both{reader, from}, -1
	r.Header.Del("Content-Length")
	go func() {
		out := bufio.NewWriter(writer)
		var err error
		if planned.verdict.Watch {
			err = (&eventFilter{sees: p.sight(ctx, planned, now), out: out, shown: shown}).run(ctx, from)
		} else {
			err = filterList(p.sight(ctx, planned, now), from, out)
		}
		writer.CloseWithError(errors.Join(err, out.Flush()))
	}()
	return nil
}

// both reads from a pipe, and closes what feeds it too.
type both struct {
	*io.PipeReader
	source io.Closer
}

// Close implements io.Closer.
func (b both) Close() error { return errors.Join(b.PipeReader.Close(), b.source.Close()) }

// filterList copies a list or a table without the objects that are hidden, one object at a time.
func filterList(v sees, from io.Reader, out *bufio.Writer) error {
	in := json.NewDecoder(from)
	if err := expect(in, json.Delim('{')); err != nil {
		return err
	}
	separator := "{"
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return err
		}
		name, err := json.Marshal(key)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s%s:", separator, name)
		separator = ","
		switch key {
		case "items", "rows":
			err = filterItems(v, in, out, key == "rows")
		case "metadata":
			err = copyMetadata(in, out)
		default:
			err = copyValue(in, out)
		}
		if err != nil {
			return err
		}
	}
	if err := expect(in, json.Delim('}')); err != nil {
		return err
	}
	if separator == "{" {
		_, _ = out.WriteString("{")
	}
	_, err := out.WriteString("}\n")
	return err
}

func expect(in *json.Decoder, want json.Delim) error {
	token, err := in.Token()
	if err == nil && token != want {
		err = fmt.Errorf("the API server's answer has %v, not %v", token, want)
	}
	return err
}

func copyValue(in *json.Decoder, out *bufio.Writer) error {
	var value json.RawMessage
	if err := in.Decode(&value); err != nil {
		return err
	}
	_, err := out.Write(value)
	return err
}

// copyMetadata copies a list's metadata without what is about objects that the caller does not see.
func copyMetadata(in *json.Decoder, out *bufio.Writer) error {
	metadata := map[string]json.RawMessage{}
	if err := in.Decode(&metadata); err != nil {
		return err
	}
	delete(metadata, "continue")
	delete(metadata, "remainingItemCount")
	text, err := json.Marshal(metadata)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

func filterItems(v sees, in *json.Decoder, out *bufio.Writer, rows bool) error {
	token, err := in.Token()
	if err != nil {
		return err
	}
	if token == nil { // an empty list of items may be null
		_, err = out.WriteString("[]")
		return err
	}
	if token != json.Delim('[') {
		return fmt.Errorf("the API server's answer has %v, not a list", token)
	}
	separator := "["
	for in.More() {
		var item json.RawMessage
		if err := in.Decode(&item); err != nil {
			return err
		}
		object, ok := metadataOf(item, rows)
		if ok {
			ok, err = v(object)
		}
		if err != nil {
			return err
		}
		if ok {
			_, _ = out.WriteString(separator)
			if _, err := out.Write(item); err != nil {
				return err
			}
			separator = ","
		}
	}
	if separator == "[" {
		_, _ = out.WriteString("[")
	}
	_, _ = out.WriteString("]")
	return expect(in, json.Delim(']'))
}

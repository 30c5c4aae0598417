package apiproxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// mostHead bounds what a list has beside its items.
const mostHead = 256 << 10

// listHead is what a list has beside its items.
type listHead struct {
	kind, version, metadata, columns json.RawMessage
}

// resourceVersion returns the list's.
func (h listHead) resourceVersion() string {
	var metadata struct {
		ResourceVersion string `json:"resourceVersion"`
	}
	if json.Unmarshal(h.metadata, &metadata) != nil {
		return ""
	}
	return metadata.ResourceVersion
}

// itemsWriter writes one array of the items of several lists.
type itemsWriter struct {
	to    io.Writer
	begun bool // the array
	any   bool // item is in it
}

// begin begins the array, whose name is that of the first list's.
func (w *itemsWriter) begin(name string) error {
	if w.begun {
		return nil
	}
	w.begun = true
	_, err := fmt.Fprintf(w.to, "{%q:[", name)
	return err
}

// end ends the array and the list.
func (w *itemsWriter) end(h listHead, version string) error {
	if err := w.begin("items"); err != nil {
		return err
	}
	metadata, err := json.Marshal(map[string]string{"resourceVersion": version})
	if err != nil {
		return err
	}
	if len(h.columns) > 0 {
		if _, err := fmt.Fprintf(w.to, `],"columnDefinitions":%s`, h.columns); err != nil {
			return err
		}
	} else if _, err := io.WriteString(w.to, "]"); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.to, ",\"kind\":%s,\"apiVersion\":%s,\"metadata\":%s}\n", h.kind, h.version, metadata)
	return err
}

// jsonStream reads a document without holding it: an item may be as large as an object may be, and many lists are open at a time.
type jsonStream struct{ in *bufio.Reader }

func newJSONStream(from io.Reader) jsonStream { return jsonStream{bufio.NewReaderSize(from, 4<<10)} }

// list copies the items of a list, and returns the rest of it.
func (s jsonStream) list(items *itemsWriter) (listHead, error) {
	var h listHead
	if c, err := s.next(); err != nil || c != '{' {
		return h, fmt.Errorf("the API server's answer is not a list: %w", noEnd(err))
	}
	for {
		c, err := s.next()
		switch {
		case err != nil:
			return h, noEnd(err)
		case c == '}':
			return h, nil
		case c == ',':
			continue
		}
		if err := s.in.UnreadByte(); err != nil {
			return h, err
		}
		if err := s.member(&h, items); err != nil {
			return h, err
		}
	}
}

// member reads one member of a list's document.
func (s jsonStream) member(h *listHead, items *itemsWriter) error {
	var name string
	key, err := s.in.ReadSlice(':')
	if err == nil {
		err = json.Unmarshal(bytes.TrimSuffix(key, []byte(":")), &name)
	}
	if err != nil {
		return fmt.Errorf("the API server's answer: %w", noEnd(err))
	}
	held := map[string]*json.RawMessage{"kind": &h.kind, "apiVersion": &h.version, "metadata": &h.metadata, "columnDefinitions": &h.columns}[name]
	switch {
	case name == "items" || name == "rows":
		return s.items(name, items)
	case held == nil:
		return s.copy(io.Discard, false)
	}
	value := &bounded{}
	if err := s.copy(value, false); err != nil {
		return err
	}
	*held = bytes.TrimSpace(value.Bytes())
	return nil
}

// items copies the elements of an array, which may be null.
func (s jsonStream) items(name string, to *itemsWriter) error {
	if err := to.begin(name); err != nil {
		return err
	}
	c, err := s.next()
	if err != nil || c != '[' {
		if err == nil {
			err = s.copy(io.Discard, false)
		}
		return noEnd(err)
	}
	if c, err = s.next(); err != nil || c == ']' {
		return noEnd(err)
	}
	if err := s.in.UnreadByte(); err != nil {
		return err
	}
	if to.any {
		if _, err := io.WriteString(to.to, ","); err != nil {
			return err
		}
	}
	to.any = true
	if err := s.copy(to.to, true); err != nil {
		return err
	}
	_, err = s.in.ReadByte() // the array's end
	return err
}

// next returns the next byte that is not white space.
func (s jsonStream) next() (byte, error) {
	for {
		c, err := s.in.ReadByte()
		if err != nil || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c, err
		}
	}
}

// copy copies to the end of the array or the object that it is in, or, without commas, to the end of the value. The end stays to be read.
func (s jsonStream) copy(to io.Writer, commas bool) error {
	at := place{commas: commas}
	for {
		if _, err := s.in.Peek(1); err != nil {
			return noEnd(err)
		}
		chunk, _ := s.in.Peek(s.in.Buffered()) // it is there
		end := at.pass(chunk)
		if end >= 0 {
			chunk = chunk[:end]
		}
		if _, err := to.Write(chunk); err != nil {
			return err
		}
		if _, err := s.in.Discard(len(chunk)); err != nil || end >= 0 {
			return err
		}
	}
}

// place is where in a value a reader is.
type place struct {
	commas        bool // do not end it
	depth         int
	text, escaped bool
}

// pass goes on by some bytes. It returns where among them the value ends, or -1.
func (p *place) pass(chunk []byte) int {
	for i, c := range chunk {
		switch {
		case p.escaped:
			p.escaped = false
		case p.text:
			p.escaped, p.text = c == '\\', c != '"'
		case c == '"':
			p.text = true
		case c == '{' || c == '[':
			p.depth++
		case p.depth == 0 && (c == '}' || c == ']' || c == ',' && !p.commas):
			return i
		case c == '}' || c == ']':
			p.depth--
		}
	}
	return -1
}

// bounded is a buffer that refuses more than a list has beside its items.
type bounded struct{ bytes.Buffer }

// Write implements io.Writer.
func (b *bounded) Write(text []byte) (int, error) {
	if b.Len()+len(text) > mostHead {
		return 0, fmt.Errorf("the API server's answer has more than %d bytes beside its items", mostHead)
	}
	return b.Buffer.Write(text)
}

// noEnd has a document that ends early be an error.
func noEnd(err error) error {
	if err == io.EOF { //nolint:errorlint // The readers here return it as it is.
		return io.ErrUnexpectedEOF
	}
	return err
}

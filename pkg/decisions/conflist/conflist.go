package conflist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ErrInvalid means that the text is no configuration that a runtime could use. It may be half written.
var ErrInvalid = errors.New("not a CNI configuration")

// Put returns the list with the entry, a JSON object of the given type, as its last plugin and nowhere else. A list that
// has it so comes back as it is.
func Put(text []byte, kind string, entry []byte) ([]byte, error) {
	l, err := read(text)
	if err != nil {
		return nil, err
	}
	if len(l.plugins) == 0 {
		return nil, fmt.Errorf("%w: its list of plugins is empty", ErrInvalid)
	}
	at := l.of(kind)
	if last := len(l.plugins) - 1; slices.Equal(at, []int{last}) && same(l.plugins[last].bytes(text), entry) {
		return text, nil
	}
	if len(at) == len(l.plugins) {
		return nil, fmt.Errorf("%w: it has no plugin besides %s", ErrInvalid, kind)
	}
	if len(at) > 0 {
		bare, err := Take(text, kind)
		if err != nil {
			return nil, err
		}
		return Put(bare, kind, entry)
	}
	piece, err := l.layout(text, entry)
	if err != nil {
		return nil, err
	}
	end := l.plugins[len(l.plugins)-1].end
	return slices.Concat(text[:end], piece, text[end:]), nil
}

// Take returns the list without the plugins of the given type. What Put has put in goes without a trace.
func Take(text []byte, kind string) ([]byte, error) {
	for {
		l, err := read(text)
		if err != nil {
			return nil, err
		}
		at := l.of(kind)
		if len(at) == 0 {
			return text, nil
		}
		i := at[len(at)-1]
		gap := l.plugins[i]
		switch {
		case i > 0: // with the comma before it
			gap.start = l.plugins[i-1].end
		case len(l.plugins) > 1: // with the comma behind it
			gap.end = l.plugins[i+1].start
		}
		text = slices.Concat(text[:gap.start], text[gap.end:])
	}
}

// Has reports whether the list has a plugin of the given type. A text that is no list has none.
func Has(text []byte, kind string) bool {
	l, err := read(text)
	return err == nil && len(l.of(kind)) > 0
}

// FromConf makes a list of the configuration of one plugin, as runtimes do themselves (libcni: ConfListFromConf). The
// text of the plugin's configuration is in it as it is.
func FromConf(text []byte) ([]byte, error) {
	var c struct {
		CNIVersion *string         `json:"cniVersion"`
		Name       string          `json:"name"`
		Type       string          `json:"type"`
		Plugins    json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if c.Name == "" || c.Type == "" || c.Plugins != nil {
		return nil, fmt.Errorf("%w: the configuration of one plugin has a name and a type", ErrInvalid)
	}
	var out bytes.Buffer
	out.WriteString("{\n")
	if c.CNIVersion != nil {
		fmt.Fprintf(&out, "  \"cniVersion\": %s,\n", quote(*c.CNIVersion))
	}
	fmt.Fprintf(&out, "  \"name\": %s,\n  \"plugins\": [\n", quote(c.Name))
	out.Write(bytes.TrimSpace(text))
	out.WriteString("\n  ]\n}\n")
	return out.Bytes(), nil
}

func quote(s string) []byte {
	text, _ := json.Marshal(s) //nolint:errchkjson // a string has a JSON form
	return text
}

// span is a part of the text.
type span struct{ start, end int }

// list is where in the text the plugins are.
type list struct {
	open    int // behind the list's "["
	plugins []span
	kinds   []string
}

func (l list) of(kind string) []int {
	var at []int
	for i, k := range l.kinds {
		if k == kind {
			at = append(at, i)
		}
	}
	return at
}

// read finds the plugins of a list.
func read(text []byte) (list, error) {
	var l list
	if !json.Valid(text) {
		return l, fmt.Errorf("%w: not valid JSON", ErrInvalid)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return l, fmt.Errorf("%w: not an object", ErrInvalid)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return l, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if key != "plugins" {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return l, fmt.Errorf("%w: %w", ErrInvalid, err)
			}
			continue
		}
		if l.open > 0 {
			return l, fmt.Errorf("%w: it has two lists of plugins", ErrInvalid)
		}
		if err := l.fill(text, d); err != nil {
			return l, err
		}
	}
	if l.open == 0 {
		return l, fmt.Errorf("%w: it has no list of plugins", ErrInvalid)
	}
	return l, nil
}

// fill reads the list that the decoder stands before.
func (l *list) fill(text []byte, d *json.Decoder) error {
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return fmt.Errorf("%w: \"plugins\" is no list", ErrInvalid)
	}
	l.open = int(d.InputOffset())
	for d.More() {
		var plugin json.RawMessage
		if err := d.Decode(&plugin); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		s := span{end: int(d.InputOffset())}
		s.start = s.end - len(plugin)
		var named struct {
			Type string `json:"type"`
		}
		if s.start < 0 || !bytes.Equal(s.bytes(text), plugin) || json.Unmarshal(plugin, &named) != nil {
			return fmt.Errorf("%w: plugin %d is no object", ErrInvalid, len(l.plugins)+1)
		}
		l.plugins, l.kinds = append(l.plugins, s), append(l.kinds, named.Type)
	}
	_, err := d.Token()
	return err
}

// same reports whether two texts are the same JSON, but for white space.
func same(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

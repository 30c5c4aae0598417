package conflist

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// layout is what to insert behind the last plugin: a comma, and the entry, set as its neighbours are.
func (l list) layout(text, entry []byte) ([]byte, error) {
	first := l.plugins[0]
	space := text[l.open:first.start] // before the first plugin
	between := slices.Concat([]byte(","), space)
	if len(l.plugins) > 1 {
		between = text[first.end:l.plugins[1].start]
	}
	var out bytes.Buffer
	out.Write(between)
	line := bytes.LastIndexByte(space, '\n')
	if line < 0 || !bytes.ContainsRune(first.bytes(text), '\n') {
		if err := json.Compact(&out, entry); err != nil {
			return nil, fmt.Errorf("the entry to be put in: %w", err)
		}
		return out.Bytes(), nil
	}
	margin := string(space[line+1:])
	if err := json.Indent(&out, entry, margin, step(margin)); err != nil {
		return nil, fmt.Errorf("the entry to be put in: %w", err)
	}
	return out.Bytes(), nil
}

// step is one level of indentation, where plugins, two levels deep, have the given one.
func step(margin string) string {
	if margin == "" {
		return "  "
	}
	return margin[:(len(margin)+1)/2]
}

// Active returns the name of the configuration that runtimes use of those in a folder: the first in the order of bytes
// that ends in .conf, .conflist or .json (libcni: ConfFiles; containerd and CRI-O sort). Empty: none.
func Active(names []string) string {
	var usable []string
	for _, name := range names {
		if List(name) || Single(name) {
			usable = append(usable, name)
		}
	}
	if len(usable) == 0 {
		return ""
	}
	return slices.Min(usable)
}

func (s span) bytes(text []byte) []byte { return text[s.start:s.end] }

package inject

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Operation is one step of a JSON patch (RFC 6902).
type Operation struct {
	// Op is add, remove or move.
	Op string `json:"op"`
	// From and Path are JSON pointers (RFC 6901); only move has From.
	From  string `json:"from,omitempty"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// patch collects operations in the order in which they are applied.
type patch struct {
	operations []Operation
}

// add sets a member of an object, or inserts before an index of a list.
func (p *patch) add(path string, value any) {
	p.operations = append(p.operations, Operation{Op: "add", Path: path, Value: value})
}

func (p *patch) remove(path string) {
	p.operations = append(p.operations, Operation{Op: "remove", Path: path})
}

func (p *patch) move(from, to string) {
	p.operations = append(p.operations, Operation{Op: "move", From: from, Path: to})
}

// appendTo adds value at the end of the list at path, which has length elements by then; it makes the list when empty,
// since an empty list may be absent from the document.
func (p *patch) appendTo(path string, length int, value any) {
	if length == 0 {
		p.add(path, []any{value})
		return
	}
	p.add(path+"/-", value)
}

// pointer turns a field path into a JSON pointer (RFC 6901): spec.containers[0] into /spec/containers/0. The paths that
// this package builds hold no map keys.
func pointer(path *field.Path) string {
	text := []byte("/")
	for _, c := range []byte(path.String()) {
		switch c {
		case '.', '[':
			text = append(text, '/')
		case ']':
		default:
			text = append(text, c)
		}
	}
	return string(text)
}

// escape makes a map key fit to stand in a JSON pointer.
func escape(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

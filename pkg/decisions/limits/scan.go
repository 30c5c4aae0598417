package limits

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Exceeded returns which limit an object, given as JSON, exceeds first, or nil. It reads the text once and stops at the first
// finding; what it allocates is bounded by the limits. A text that is not JSON exceeds no limit: the decoder rejects it.
func Exceeded(raw []byte) *field.Error {
	s := &scanner{raw: raw, path: make([]step, 0, maxDepth+1)}
	s.value()
	return s.finding
}

// scanner walks over a JSON text. Each of its methods returns false when the walk has ended early: at a finding, or where the
// text is not JSON.
type scanner struct {
	raw     []byte
	at      int
	path    []step
	values  int
	hidden  int // bytes of opaque values
	finding *field.Error
}

func (s *scanner) value() bool {
	if opaque(s.path) {
		return s.skip()
	}
	s.values++
	switch {
	case s.values > maxValues:
		return s.exceeds("the object has more than %d values; split it into several objects", maxValues)
	case len(s.path) > maxDepth:
		return s.exceeds("values are nested more than %d deep; flatten them", maxDepth)
	case s.at-s.hidden > maxBytes:
		return s.exceeds("the object is larger than %d bytes; split it, or keep large data in a ConfigMap or a volume", maxBytes)
	}
	return s.content()
}

func (s *scanner) content() bool {
	switch s.next() {
	case '{':
		return s.object()
	case '[':
		return s.list()
	case '"':
		text, ok := s.text()
		if ok && len(text) > maxString {
			return s.exceeds("the text is longer than %d bytes; shorten it", maxString)
		}
		return ok
	}
	return s.literal()
}

func (s *scanner) object() bool {
	limit := s.limit()
	for count := 1; s.more('}'); count++ {
		key, ok := s.text()
		switch {
		case !ok || s.next() != ':':
			return false
		case count > limit:
			return s.exceeds("the map has more than %d entries; remove some", limit)
		case len(key) > maxKey:
			return s.exceeds("a key is longer than %d bytes; shorten it", maxKey)
		}
		s.at++
		if !s.below(step{name: string(key)}) {
			return false
		}
	}
	return s.close('}')
}

func (s *scanner) list() bool {
	limit := s.limit()
	for count := 1; s.more(']'); count++ {
		if count > limit {
			return s.exceeds("the list has more than %d entries; remove some, or split the object", limit)
		}
		if !s.below(step{index: count - 1}) {
			return false
		}
	}
	return s.close(']')
}

// below reads a value one step further down.
func (s *scanner) below(to step) bool {
	s.path = append(s.path, to)
	s.next()
	if !s.value() {
		return false
	}
	s.path = s.path[:len(s.path)-1]
	return true
}

func (s *scanner) limit() int {
	if len(s.path) == 0 {
		return MaxEntries
	}
	return entriesOf(s.path[len(s.path)-1].name)
}

func (s *scanner) exceeds(format string, limit int) bool {
	s.finding = field.Forbidden(pathOf(s.path), fmt.Sprintf(format, limit))
	return false
}

// pathOf returns a path as the API writes it. The whole object is called by its kind in a message: its path is "object".
func pathOf(steps []step) *field.Path {
	var path *field.Path
	for _, at := range steps {
		switch {
		case at.name == "":
			path = path.Index(at.index)
		case path == nil:
			path = field.NewPath(at.name)
		default:
			path = path.Child(at.name)
		}
	}
	if path == nil {
		return field.NewPath("object")
	}
	return path
}

// next returns the byte at which the next token begins, 0 at the end.
func (s *scanner) next() byte {
	for s.at < len(s.raw) {
		switch c := s.raw[s.at]; c {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// more steps over what opens or divides a list or map, and reports whether an entry follows.
func (s *scanner) more(end byte) bool {
	switch s.next() {
	case '{', '[', ',':
		s.at++
		c := s.next()
		return c != end && c != 0
	}
	return false
}

func (s *scanner) close(end byte) bool {
	if s.next() != end {
		return false
	}
	s.at++
	return true
}

// text reads a string and returns it as it stands, without the quotes.
func (s *scanner) text() ([]byte, bool) {
	if s.next() != '"' {
		return nil, false
	}
	begin := s.at + 1
	for at := begin; at < len(s.raw); at++ {
		switch s.raw[at] {
		case '"':
			s.at = at + 1
			return s.raw[begin:at], true
		case '\\':
			at++
		}
	}
	return nil, false
}

// literal reads a number, true, false or null.
func (s *scanner) literal() bool {
	for begin := s.at; s.at < len(s.raw); s.at++ {
		switch s.raw[s.at] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return s.at > begin
		}
	}
	return len(s.path) == 0
}

// skip reads a value without a look at what is in it.
func (s *scanner) skip() bool {
	begin, depth := s.at, 0
	for {
		ok := true
		switch s.next() {
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case ',', ':':
			s.at++
		case '"':
			_, ok = s.text()
		case 0:
			ok = false
		default:
			ok = s.literal()
		}
		if !ok || depth <= 0 {
			s.hidden += s.at - begin
			return ok
		}
	}
}

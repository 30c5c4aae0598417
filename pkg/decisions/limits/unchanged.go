package limits

import (
	"bytes"
	"encoding/json"
)

// Unchanged reports whether two JSON objects are the same byte for byte, apart from metadata and status. The API server writes
// equal objects alike. It does not decode them: it is for objects that are too large for that.
func Unchanged(now, before []byte) bool {
	a, okA := parts(now)
	b, okB := parts(before)
	if !okA || !okB || len(a) != len(b) {
		return false
	}
	for name, text := range a {
		if other, there := b[name]; !there || !bytes.Equal(text, other) {
			return false
		}
	}
	return true
}

// parts returns the members of an object as they stand, without metadata and status.
func parts(raw []byte) (map[string][]byte, bool) {
	found := map[string][]byte{}
	whole := Members(raw, func(name, text []byte) bool {
		if string(name) != "metadata" && string(name) != "status" {
			found[string(name)] = text
		}
		return len(found) <= MaxEntries
	})
	return found, whole
}

// Names returns metadata.name and metadata.generateName of an object. It reads no further than it must.
func Names(raw []byte) (name, generateName string) {
	Members(raw, func(key, text []byte) bool {
		if string(key) != "metadata" {
			return true
		}
		Members(text, func(key, text []byte) bool {
			switch string(key) {
			case "name":
				name = unquoted(text)
			case "generateName":
				generateName = unquoted(text)
			}
			return name == ""
		})
		return false
	})
	return name, generateName
}

func unquoted(text []byte) string {
	if len(text) > maxString {
		return ""
	}
	var value string
	_ = json.Unmarshal(text, &value) // What is not a text is not a name.
	return value
}

// Members calls visit with each member of an object as it stands, until visit returns false. It reports whether all were
// visited. It does not decode the values, which may be no JSON at all.
func Members(raw []byte, visit func(name, text []byte) bool) bool {
	s := &scanner{raw: raw}
	if s.next() != '{' {
		return false
	}
	for s.more('}') {
		name, ok := s.text()
		if !ok || s.next() != ':' {
			return false
		}
		s.at++
		s.next()
		begin := s.at
		if !s.skip() || !visit(name, raw[begin:s.at]) {
			return false
		}
	}
	return s.close('}')
}

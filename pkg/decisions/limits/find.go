package limits

// Find returns the value below these names of an object as it stands, or nil. It decodes nothing. Of two members with one name it returns
// the last, as decoders do.
func Find(raw []byte, names ...string) []byte {
	for _, want := range names {
		var found []byte
		Members(raw, func(name, text []byte) bool {
			if string(name) == want {
				found = text
			}
			return true
		})
		if found == nil {
			return nil
		}
		raw = found
	}
	return raw
}

// Elements calls visit with each element of a list as it stands, until visit returns false. It reports whether all were visited; null is an
// empty list.
func Elements(raw []byte, visit func(index int, text []byte) bool) bool {
	s := &scanner{raw: raw}
	if s.next() != '[' {
		return len(raw) == 0 || string(raw) == "null"
	}
	for index := 0; s.more(']'); index++ {
		begin := s.at
		if !s.skip() || !visit(index, raw[begin:s.at]) {
			return false
		}
	}
	return s.close(']')
}

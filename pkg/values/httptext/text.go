package httptext

import "bytes"

// maxChunk is how long a chunk of a body may be: beyond, the numbers of servers overflow.
const maxChunk = 1<<31 - 1

// Token reports whether the text is one of RFC 9110, 5.6.2.
func Token(text []byte) bool {
	for _, b := range text {
		switch {
		case b|0x20 >= 'a' && b|0x20 <= 'z', b >= '0' && b <= '9':
		case bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), b) >= 0:
		default:
			return false
		}
	}
	return len(text) > 0
}

// ChunkSize reads the hexadecimal number that begins a chunk; extensions may follow.
func ChunkSize(line []byte) (int64, bool) {
	const most = 15 // digits that fit
	var size int64
	digits := 0
	for digits < len(line) {
		d, ok := hexadecimal(line[digits])
		if !ok {
			break
		}
		size = size<<4 | d
		if digits++; digits > most || size > maxChunk {
			return 0, false
		}
	}
	rest := bytes.TrimLeft(line[digits:], " \t")
	return size, digits > 0 && (len(rest) == 0 || rest[0] == ';')
}

func hexadecimal(b byte) (int64, bool) {
	switch {
	case b >= '0' && b <= '9':
		return int64(b - '0'), true
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return int64(b|0x20-'a') + 10, true
	}
	return 0, false
}

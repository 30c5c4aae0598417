package follow

import (
	"bytes"
	"iter"
)

// Writes cuts lines into pieces of at most so many bytes, at the ends of lines. A longer line is a piece of its own.
func Writes(lines []byte, most int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(lines) > 0 {
			n := len(lines)
			if n > most {
				n = bytes.LastIndexByte(lines[:most], '\n') + 1
			}
			if n == 0 {
				n = bytes.IndexByte(lines, '\n') + 1
			}
			if n == 0 {
				n = len(lines)
			}
			if !yield(lines[:n]) {
				return
			}
			lines = lines[n:]
		}
	}
}

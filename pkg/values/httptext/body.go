package httptext

import (
	"bytes"
	"strings"
)

// maxLine is how much of a line is kept. A longer one may be a request if it begins like one.
const maxLine = 8 << 10

// Body reads how a request's body begins. A server that does not read the body takes its first line for that of the next request. The zero value is at
// the beginning.
type Body struct {
	line []byte // the first line, up to maxLine bytes
	done bool   // nothing more is read
}

// Read takes bytes of the body. It reports whether its first line, which is whole now, or longer than is kept, may be a request.
func (b *Body) Read(data []byte) bool {
	if b.done {
		return false
	}
	if len(b.line) == 0 {
		data = bytes.TrimLeftFunc(data, parts) // servers overlook what is before the method
	}
	if len(data) == 0 {
		return false
	}
	piece, _, whole := bytes.Cut(data, []byte{'\n'})
	b.line = append(b.line, piece[:min(len(piece), maxLine-len(b.line))]...)
	switch words := parted(b.line); {
	case !isMethod(words[0]):
		b.stop()
	case whole:
		b.stop()
		return isAsked(words)
	case len(b.line) == maxLine:
		b.stop()
		return isAsked(words) || isUnfinished(words)
	}
	return false
}

// End takes the end of the body. It reports whether its only line may be a request, or the beginning of one that the next bytes continue.
func (b *Body) End() bool {
	if b.done || len(b.line) == 0 {
		return false
	}
	words := parted(b.line)
	b.stop()
	return isAsked(words) || isUnfinished(words)
}

// Holds returns how many bytes of memory are held.
func (b *Body) Holds() int { return cap(b.line) }

func (b *Body) stop() { b.line, b.done = nil, true }

// parts reports whether a character is between words. Servers differ in what they take for white space.
func parts(r rune) bool { return r <= ' ' || r >= 0x7f }

// parted returns the words of a line.
func parted(line []byte) []string { return strings.FieldsFunc(string(line), parts) }

// isMethod reports whether a word may be a method that a server knows.
func isMethod(word string) bool {
	return strings.Trim(word, "-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

func isPath(word string) bool { return word[0] == '/' || strings.Contains(word, "://") }

// isVersion reports whether a word is a version of HTTP. Servers accept others than there are.
func isVersion(word string) bool {
	const prefix = "HTTP/"
	return len(word) > len(prefix) && strings.EqualFold(word[:len(prefix)], prefix) && strings.Trim(word[len(prefix):], ".0123456789") == ""
}

// isAsked reports whether the words are those of a request's first line, also as servers read it that accept more than RFC 9112 does.
func isAsked(words []string) bool {
	for n, word := range words[1:] {
		if n > 0 && isVersion(word) && (n == 1 || isPath(words[1])) {
			return true
		}
	}
	return len(words) == 2 && words[0] == "GET" // HTTP/0.9
}

// isUnfinished reports whether the words may be a method and the beginning of a path.
func isUnfinished(words []string) bool {
	return len(words) == 2 && strings.ToUpper(words[0]) == words[0] && isPath(words[1])
}

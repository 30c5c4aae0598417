package httptext

import "bytes"

// maxLine is how long a first line is read. Servers refuse longer ones.
const maxLine = 64 << 10

// Body reads how a request's body begins. A server that does not read the body takes its first line for that of the next request. Each byte costs the
// same, in pieces of any size, and none is kept. The zero value is at the beginning.
type Body struct {
	done bool // nothing more is read
	size int  // of the line so far, from its first word on
	word word // that is being read, or was read last
	line line // the words before it
}

// line is what the words of a line have in common with a request's first line.
type line struct {
	words  int  // how many
	get    bool // the first is GET
	upper  bool // the first has no small letter
	path   bool // the second is a path
	expect bool // a version of HTTP stands where a server may look for it
}

// Read takes bytes of the body. It reports whether its first line, which is whole now, or longer than is read, may be a request.
func (b *Body) Read(data []byte) bool {
	if b.done {
		return false
	}
	if b.size == 0 {
		data = bytes.TrimLeftFunc(data, parts) // servers overlook what is before the method
	}
	for _, c := range data {
		switch {
		case c == '\n':
			b.done = true
			return b.all().isAsked()
		case b.size == maxLine:
			b.done = true
			all := b.all()
			return all.isAsked() || all.isUnfinished() || all.words <= 2 && b.word.size == 0
		case parts(rune(c)):
			b.line, b.word = b.all(), word{}
		case b.line.words == 0 && !isLetter(c):
			b.done = true
			return false
		default:
			b.word.read(c)
		}
		b.size++
	}
	return false
}

// End takes the end of the body. It reports whether its only line may be a request, or the beginning of one that the next bytes continue.
func (b *Body) End() bool {
	if b.done || b.size == 0 {
		return false
	}
	b.done = true
	all := b.all()
	return all.isAsked() || all.isUnfinished()
}

// all is the line with the word that is being read.
func (b *Body) all() line {
	l, w := b.line, b.word
	if w.size == 0 {
		return l
	}
	switch l.words {
	case 0:
		l.get, l.upper = w.isGet(), !w.small
	case 1:
		l.path = w.path
	default:
		l.expect = l.expect || w.isVersion() && (l.words == 2 || l.path)
	}
	l.words++
	return l
}

// isAsked reports whether the words are those of a request's first line, also as servers read it that accept more than RFC 9112 does.
func (l line) isAsked() bool { return l.expect || l.words == 2 && l.get } // HTTP/0.9

// isUnfinished reports whether the words may be a method and the beginning of a path.
func (l line) isUnfinished() bool { return l.words == 2 && l.upper && l.path }

// parts reports whether a character is between words. Servers differ in what they take for white space.
func parts(c rune) bool { return c <= ' ' || c >= 0x7f }

// isLetter reports whether a character may be one of a method that a server knows.
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' }

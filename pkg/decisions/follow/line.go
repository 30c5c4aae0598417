package follow

import (
	"bytes"

	"data-space.liqo.io/pkg/values/httptext"
)

// message is the state of reading HTTP/1 messages of one side, one after the other.
type message struct {
	state    state
	line     []byte // of the line that is not whole yet: at most its first maxLine bytes
	tail     []byte // the last tailSize bytes of a line longer than that
	lineSize int64  // of the line so far, without its end
	headSize int64  // of the whole lines of the head so far
	spaces   int    // in the line so far
	cr       bool   // the last byte was a CR

	begun  bool // the request has been reported
	head   head
	fields fields
	left   int64 // bytes of the body, or of the chunk, that are to come
	bytes  int64 // of the body so far
	inside httptext.Body
}

type state uint8

const (
	atStart    state = iota // of a request line or a status line
	inFields                // header fields
	inBody                  // of known length
	inSize                  // the line with a chunk's size
	inChunk                 // a chunk's data
	inChunkEnd              // the line end behind it
	inTrailers              // fields behind the last chunk
	untilClose              // a body that ends with the connection
)

// tailSize is enough for " HTTP/1.1".
const tailSize = 16

// text is a whole line: what was kept of it.
type text struct {
	line, tail []byte
	size       int64
	spaces     int
}

// whole reports whether nothing of the line was dropped.
func (t text) whole() bool { return t.size <= maxLine }

// readLine takes data up to the end of the line. whole is false if the line goes on behind data. reason is why it is not a line, or "".
func (m *message) readLine(data []byte) (t text, rest []byte, whole bool, reason string) {
	end := bytes.IndexByte(data, '\n')
	piece := data
	if end >= 0 {
		piece, rest = data[:end], data[end+1:]
	}
	cr := m.cr
	if len(piece) > 0 {
		if cr {
			return m.kept(nil), nil, false, ReasonControl
		}
		if cr = piece[len(piece)-1] == '\r'; cr {
			piece = piece[:len(piece)-1]
		}
		at, spaces := check(piece)
		if at < len(piece) {
			return m.kept(piece[:at]), nil, false, ReasonControl
		}
		m.spaces += spaces
	}
	if end >= 0 && !cr {
		return m.kept(piece), nil, false, ReasonLineEnd
	}
	if m.headSize+m.lineSize+int64(len(piece)) > maxHead {
		return m.kept(piece), nil, false, ReasonHead
	}
	if end < 0 {
		m.cr = cr
		m.keep(piece)
		return text{}, nil, false, ""
	}
	t = m.kept(piece)
	t.spaces = m.spaces
	m.headSize += t.size + int64(len("\r\n"))
	m.line, m.tail, m.lineSize, m.spaces, m.cr = nil, nil, 0, 0, false
	return t, rest, true, ""
}

// check returns where the first byte is that no line may hold, and how many spaces are before it.
func check(piece []byte) (at, spaces int) {
	for i, b := range piece {
		if b == ' ' {
			spaces++
		} else if b < ' ' && b != '\t' || b == 0x7f {
			return i, spaces
		}
	}
	return len(piece), spaces
}

// keep remembers a piece of a line.
func (m *message) keep(piece []byte) {
	m.lineSize += int64(len(piece))
	if room := maxLine - len(m.line); room > 0 {
		n := min(room, len(piece))
		m.line, piece = append(m.line, piece[:n]...), piece[n:]
	}
	if len(piece) > 0 {
		m.tail = append(m.tail, piece[max(0, len(piece)-tailSize):]...)
		m.tail = append([]byte(nil), m.tail[max(0, len(m.tail)-tailSize):]...)
	}
}

// kept returns the line that ends with piece, without a copy where none is remembered.
func (m *message) kept(piece []byte) text {
	if m.lineSize == 0 && len(piece) <= maxLine {
		return text{line: piece, size: int64(len(piece))}
	}
	m.keep(piece)
	return text{line: m.line, tail: m.tail, size: m.lineSize}
}

// skip takes what data has of the bytes that are left.
func (m *message) skip(data []byte) (rest []byte) {
	n := min(m.left, int64(len(data)))
	m.left -= n
	m.bytes += n
	return data[n:]
}

// readChunked reads one step of a chunked body. done is true behind its last line.
func (m *message) readChunked(data []byte) (rest []byte, done bool, reason string) {
	if m.state == inChunk {
		if rest = m.skip(data); m.left == 0 {
			m.state = inChunkEnd
		}
		return rest, false, ""
	}
	t, rest, whole, reason := m.readLine(data)
	if reason != "" || !whole {
		return rest, false, reason
	}
	m.bytes += t.size + int64(len("\r\n"))
	if m.state != inTrailers {
		m.headSize -= t.size + int64(len("\r\n"))
	}
	switch m.state {
	case inSize:
		size, ok := httptext.ChunkSize(t.line)
		switch {
		case !ok:
			return nil, false, ReasonChunk
		case size == 0:
			m.state = inTrailers
		default:
			m.state, m.left = inChunk, size
		}
	case inChunkEnd:
		if t.size > 0 {
			return nil, false, ReasonChunk
		}
		m.state = inSize
	default: // inTrailers: a server that reads none takes a line that is no field for a request
		if t.size > 0 {
			_, reason = t.name()
		}
		return rest, t.size == 0, reason
	}
	return rest, false, ""
}

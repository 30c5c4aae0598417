package record

import (
	"bytes"
	"errors"
)

// Piece is one line of a container's log file in the CRI's format: "TIME STREAM TAG CONTENT".
type Piece struct {
	Time, Stream string
	Partial      bool // the container's line goes on in the next piece of the stream
	Content      []byte
}

// errFormat means that a line is not in the CRI's format.
var errFormat = errors.New("not a line of a CRI log")

// maxTime bounds the time stamp, which is RFC 3339 with nanoseconds.
const maxTime = 40

// ParseCRI reads one line without its newline. Content refers to the line's bytes.
func ParseCRI(line []byte) (Piece, error) {
	stamp, rest, found := bytes.Cut(line, []byte{' '})
	if !found || len(stamp) == 0 || len(stamp) > maxTime || !plain(stamp) {
		return Piece{}, errFormat
	}
	stream, rest, found := bytes.Cut(rest, []byte{' '})
	if s := string(stream); !found || s != "stdout" && s != "stderr" {
		return Piece{}, errFormat
	}
	tags, content, found := bytes.Cut(rest, []byte{' '})
	if !found && len(tags) == 0 {
		return Piece{}, errFormat
	}
	tag, _, _ := bytes.Cut(tags, []byte{':'})
	if s := string(tag); s != "F" && s != "P" {
		return Piece{}, errFormat
	}
	return Piece{Time: string(stamp), Stream: string(stream), Partial: tag[0] == 'P', Content: content}, nil
}

// plain reports whether the text can stand in JSON as it is.
func plain(text []byte) bool {
	for _, c := range text {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

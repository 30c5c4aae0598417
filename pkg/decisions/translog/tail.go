package translog

import (
	"bytes"

	"data-space.liqo.io/pkg/values/fact"
)

// Whole returns how many of the first bytes of a text are whole lines of facts with the indexes from next on, and how many lines that
// are. What follows was being written when the node or the agent ended: an acknowledged line is never behind one that is not whole,
// since all lines before it were on the disk when it was acknowledged.
func Whole(text []byte, next int64) (length, lines int64) {
	for {
		end := bytes.IndexByte(text[length:], '\n')
		if end < 0 {
			return length, lines
		}
		f, err := fact.Decode(text[length : length+int64(end)])
		if err != nil || f.Index != next+lines {
			return length, lines
		}
		length += int64(end) + 1
		lines++
	}
}

// Segment is a file of lines.
type Segment struct {
	First int64 // index of its first line
	Size  int64
}

// Removable returns how many of the oldest segments go so that at most limit bytes remain. The newest stays.
func Removable(segments []Segment, limit int64) int {
	var total int64
	for _, s := range segments {
		total += s.Size
	}
	n := 0
	for n < len(segments)-1 && total > limit {
		total -= segments[n].Size
		n++
	}
	return n
}

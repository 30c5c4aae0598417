package recordfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"data-space.liqo.io/pkg/values/fact"
)

// Line is a line of a record, without its newline, and the place behind it.
type Line struct {
	Text []byte
	End  fact.Place
}

// Part is a part of a record.
type Part struct {
	Lines   []Line
	Next    fact.Place // where the part ends
	Removed bool       // the part begins later than asked for, since the segments before it were removed
}

// firstSegment is the number of a record's first segment.
const firstSegment = 1

// Lines reads whole lines of the record in a folder, from one place up to another one at most, and about most bytes of them. One line that is longer
// is passed over: only the positions at the beginning of a segment are. A part without lines that ends before to is followed by another one.
func Lines(folder string, from, to fact.Place, most int64) (Part, error) {
	p := Part{Next: from}
	segments, err := Segments(folder)
	if err != nil {
		return p, err
	}
	var oldest int64
	if len(segments) == 0 {
		return p, nil
	}
	if _, err := fmt.Sscanf(segments[0].Name, "%d", &oldest); err != nil {
		return p, fmt.Errorf("%s in %s is not a segment of a record; remove it", segments[0].Name, folder)
	}
	if from.Segment < oldest {
		p.Removed, p.Next = from.Segment > 0 || oldest > firstSegment, fact.Place{Segment: oldest}
	}
	if !to.After(p.Next) {
		return p, nil
	}
	file, err := os.Open(segment(folder, p.Next.Segment))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil // just removed
	}
	if err != nil {
		return p, fmt.Errorf("read the record: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return p, fmt.Errorf("read the record: %w", err)
	}
	end := info.Size()
	if p.Next.Segment == to.Segment {
		end = min(end, to.Offset)
	}
	text := make([]byte, max(0, min(most, end-p.Next.Offset)))
	if _, err := file.ReadAt(text, p.Next.Offset); err != nil {
		return p, fmt.Errorf("read the record: %w", err)
	}
	p.take(text)
	switch last := p.Next.Offset+int64(len(text)) >= end; {
	case last && p.Next.Segment < to.Segment && len(p.Lines) == 0:
		p.Next = fact.Place{Segment: p.Next.Segment + 1}
	case len(p.Lines) == 0 && len(text) > 0: // a line that is longer
		p.Next.Offset += int64(len(text))
	}
	return p, nil
}

// take splits text, which begins at Next, into whole lines.
func (p *Part) take(text []byte) {
	for {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			return
		}
		p.Next.Offset += int64(i) + 1
		p.Lines = append(p.Lines, Line{Text: text[:i], End: p.Next})
		text = text[i+1:]
	}
}

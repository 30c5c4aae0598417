package record

import "time"

// Budget bounds a rate: it fills by Rate bytes a second up to Burst.
type Budget struct {
	Rate, Burst int64

	left int64
	last time.Time
}

// Left returns how many bytes may be taken at the time now.
func (b *Budget) Left(now time.Time) int64 {
	if b.last.IsZero() {
		b.left = b.Burst
	} else if passed := now.Sub(b.last); passed > 0 {
		b.left = min(b.Burst, b.left+int64(passed.Seconds()*float64(b.Rate)))
	}
	b.last = now
	return max(0, b.left)
}

// Take notes that n bytes were taken.
func (b *Budget) Take(n int64) { b.left -= n }

// Segment is a file of a guest's record. Their order is that of their names.
type Segment struct {
	Name string
	Size int64
}

// Excess returns which of the segments, oldest first, go so that at most limit bytes remain. The newest stays.
func Excess(segments []Segment, limit int64) []Segment {
	var total int64
	for _, s := range segments {
		total += s.Size
	}
	var gone []Segment
	for len(segments) > 1 && total > limit {
		gone = append(gone, segments[0])
		total -= segments[0].Size
		segments = segments[1:]
	}
	return gone
}

// Skip returns up to where a reader at offset skips a file of that size, so that no more than lag bytes are behind.
func Skip(offset, size, lag int64) (to int64, skip bool) {
	if size-offset <= lag {
		return offset, false
	}
	return size - lag/2, true
}

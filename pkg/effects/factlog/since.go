package factlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// From returns the index of a line before which no line was written after a time: the first of the oldest segment that was written to
// since. The zero time: that of the oldest line. The files' times are the node's, as those of the lines are.
func (f Folder) From(since time.Time) (int64, error) {
	segments, err := f.Segments()
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // the log has not begun
	}
	if err != nil || len(segments) == 0 {
		return 0, err
	}
	for _, s := range segments {
		info, err := os.Stat(f.segment(s.First))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return 0, fmt.Errorf("read the log: %w", err)
		}
		if !info.ModTime().Before(since) {
			return s.First, nil
		}
	}
	return segments[len(segments)-1].First, nil
}

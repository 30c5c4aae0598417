package factlog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Time returns the time.
func (o Options) Time() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

// dated gives the newest segment, which is sealed, the time of its latest fact, should that be later than the last write: the clock was set back since then. From
// relies on it. Without it a reader may not find that fact by its time; it is in the log all the same.
func (l *Log) dated() {
	path := l.segment(l.segments[len(l.segments)-1].First)
	if info, err := os.Stat(path); err == nil && l.latest.After(info.ModTime()) {
		_ = os.Chtimes(path, l.latest, l.latest)
	}
}

// latestOf returns the latest time of the lines of a segment.
func latestOf(text []byte) (latest time.Time) {
	const field, before = `"time":"`, 64
	for line := range bytes.Lines(text) {
		_, rest, _ := bytes.Cut(line[:min(len(line), before+len(field)+len(time.RFC3339Nano))], []byte(field))
		stamp, _, _ := bytes.Cut(rest, []byte(`"`))
		if at, err := time.Parse(time.RFC3339Nano, string(stamp)); err == nil && at.After(latest) {
			latest = at
		}
	}
	return latest
}

// From returns the index of a line before which no line has a time after the given one: the first of the oldest segment that was written to
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

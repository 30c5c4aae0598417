package recordfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
)

// turn seals the segment and begins the next one. The oldest are removed where all together exceed the limit, which the new
// one says.
func (f *File) turn() error {
	if err := f.Close(); err != nil {
		return fmt.Errorf("seal a segment of the record: %w", err)
	}
	f.dated()
	f.digests.cut(f.name(), f.size)
	f.digests.from = 0
	if err := f.begin(); err != nil {
		return err
	}
	segments, err := Segments(f.folder)
	if err != nil {
		return err
	}
	var removed int64
	for _, s := range record.Excess(segments, f.limits.Total-f.limits.Segment) {
		if err := os.Remove(filepath.Join(f.folder, s.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the oldest segment of the record: %w", err)
		}
		removed += s.Size
	}
	if removed == 0 {
		return nil
	}
	line, err := record.Entry{Gap: &record.Gap{Reason: record.ReasonFull, Bytes: removed}}.Encode()
	if err != nil {
		return err
	}
	return f.write(line)
}

// dated gives the segment, which is sealed, the time of its latest line, should that be later than the last write: the clock was set back since then. Who searches
// by time passes over segments by the times of their files.
func (f *File) dated() {
	latest, err := time.Parse(time.RFC3339Nano, f.latest)
	f.latest = ""
	path := segment(f.folder, f.number)
	if info, statErr := os.Stat(path); err == nil && statErr == nil && latest.After(info.ModTime()) {
		_ = os.Chtimes(path, latest, latest) // without it a reader may not find that line by its time; it is in the record all the same
	}
}

// name is the name of the segment that is written.
func (f *File) name() string { return filepath.Base(segment(f.folder, f.number)) }

func segment(folder string, number int64) string {
	return filepath.Join(folder, fmt.Sprintf("%020d%s", number, extension))
}

// begin makes the next segment, with the positions in its first line.
func (f *File) begin() error {
	f.number++
	path := segment(f.folder, f.number)
	var err error
	if f.current, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600); err != nil { //nolint:gosec // in the record's own folder
		return fmt.Errorf("begin a segment of the record: %w", err)
	}
	f.size, f.synced, f.dirty = 0, 0, false
	if len(f.positions) == 0 {
		return nil
	}
	var e record.Entry
	for source, position := range f.positions {
		e.Positions = append(e.Positions, record.Followed{Source: source, Position: position})
	}
	line, err := e.Encode()
	if err != nil {
		return err
	}
	return f.write(line)
}

package recordfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/values/fact"
)

// Limits bound the record of one guest.
type Limits struct {
	Total   int64 // bytes of all segments
	Segment int64 // bytes of a segment; the one that is written may exceed it by one batch
}

// extension is what the names of segments end in. They are numbered: their order is that of their names.
const extension = ".jsonl"

// File is the record of one guest. It is for one goroutine.
type File struct {
	folder string
	limits Limits

	current   *os.File
	number    int64
	size      int64
	synced    int64 // bytes of the segment that the disk has
	dirty     bool
	digests   digests
	positions map[record.Source]record.Position
	latest    string // of the current segment's times, which are texts of one form
}

// Open opens the record in folder, making it if there is none, behind its last whole line. What an agent was writing when it
// ended is cut off: it is read from the container's log again.
func Open(folder string, limits Limits) (*File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the record's folder: %w", err)
	}
	f := &File{folder: folder, limits: limits, positions: map[record.Source]record.Position{}}
	segments, err := Segments(folder)
	if err != nil {
		return nil, err
	}
	if len(segments) == 0 {
		return f, f.begin()
	}
	newest := segments[len(segments)-1].Name
	if _, err := fmt.Sscanf(newest, "%d", &f.number); err != nil {
		return nil, fmt.Errorf("%s in %s is not a segment of a record; remove it", newest, folder)
	}
	// The first line of the newest may be missing: the one before has the same positions.
	for _, s := range segments[max(0, len(segments)-2) : len(segments)-1] {
		whole, err := f.read(filepath.Join(folder, s.Name))
		if err != nil {
			return nil, err
		}
		f.digests.cut(s.Name, whole)
	}
	return f, f.resume(filepath.Join(folder, newest))
}

// Positions returns how far each log is in the record, without those that have ended.
func (f *File) Positions() map[record.Source]record.Position { return f.positions }

// Append writes the entries. They are in the kernel's hands then: the end of the agent loses nothing of them, the end of the
// node what Sync has not seen. Chatter and passed entries are left out; their positions count.
func (f *File) Append(entries []record.Entry) error {
	var batch bytes.Buffer
	for _, e := range entries {
		if record.Chatter(e) || e.IsPassed() {
			continue
		}
		line, err := e.Encode()
		if err != nil {
			return fmt.Errorf("encode an entry of %s/%s: %w", e.Source.Namespace, e.Source.Pod, err)
		}
		batch.Write(line)
	}
	if f.size > 0 && f.size+int64(batch.Len()) > f.limits.Segment {
		if err := f.turn(); err != nil {
			return err
		}
	}
	if err := f.write(batch.Bytes()); err != nil {
		return err
	}
	for _, e := range entries {
		f.note(e)
	}
	return nil
}

// Sync waits until the disk has what was appended.
func (f *File) Sync() error {
	if !f.dirty {
		return nil
	}
	if err := f.current.Sync(); err != nil {
		return err
	}
	f.dirty, f.synced = false, f.size
	return nil
}

// Synced returns up to where the disk has the record.
func (f *File) Synced() fact.Place { return fact.Place{Segment: f.number, Offset: f.synced} }

// Close closes the record, synced.
func (f *File) Close() error { return errors.Join(f.Sync(), f.current.Close()) }

func (f *File) write(text []byte) error {
	n, err := f.current.Write(text)
	if err != nil {
		// Half a line must not be followed by another one.
		return errors.Join(fmt.Errorf("write the record: %w", err), f.current.Truncate(f.size))
	}
	f.size += int64(n)
	f.dirty = true
	f.digests.add(text)
	return nil
}

// note keeps the position that an entry has, and its time.
func (f *File) note(e record.Entry) {
	f.latest = max(f.latest, e.Time)
	for _, p := range e.Positions {
		f.positions[p.Source] = p.Position
	}
	switch {
	case e.Ended:
		delete(f.positions, e.Source)
	case e.Position != record.Position{}:
		f.positions[e.Source] = e.Position
	}
}

// read notes the positions in a segment and returns where its last whole line ends.
func (f *File) read(path string) (int64, error) {
	text, err := os.ReadFile(path) //nolint:gosec // a segment in the record's own folder
	if err != nil {
		return 0, fmt.Errorf("read the record: %w", err)
	}
	whole := int64(bytes.LastIndexByte(text, '\n') + 1)
	f.digests.from, f.digests.lines, f.digests.sum, f.latest = 0, 0, nil, ""
	f.digests.add(text[:whole])
	for line := range bytes.Lines(text[:whole]) {
		var e record.Entry
		if json.Unmarshal(line, &e) == nil { // a line that is damaged is no reason to lose the rest
			f.note(e)
		}
	}
	return whole, nil
}

// resume opens the newest segment behind its last whole line.
func (f *File) resume(path string) error {
	whole, err := f.read(path)
	if err != nil {
		return err
	}
	if f.current, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err != nil { //nolint:gosec // as above
		return fmt.Errorf("open the record: %w", err)
	}
	f.size = whole
	if err := f.current.Truncate(whole); err != nil {
		return fmt.Errorf("cut the record's torn line: %w", err)
	}
	f.dirty = true // the agent before may not have waited for the disk
	return nil
}

// Segments lists the segments in folder, oldest first.
func Segments(folder string) ([]record.Segment, error) {
	listed, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("list the record: %w", err)
	}
	var all []record.Segment
	for _, entry := range listed {
		if !strings.HasSuffix(entry.Name(), extension) {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("list the record: %w", err)
		}
		all = append(all, record.Segment{Name: entry.Name(), Size: info.Size()})
	}
	return all, nil
}

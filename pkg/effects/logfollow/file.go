package logfollow

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
)

// file is one log file, held open: it can be read to its end after the kubelet has removed it.
type file struct {
	handle  *os.File
	restart int
	at      record.Position
	half    map[string]*half // by stream: the beginning of a line whose end is not written yet
	end     bool             // the last read met the end
	since   time.Time        // when the end was met first
	done    bool
}

// half is the beginning of a container's line that the runtime wrote in several pieces.
type half struct {
	text []byte
	cut  int64
}

func open(c candidate) (*file, error) {
	handle, err := os.OpenFile(c.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := handle.Stat()
	if err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Ino != c.inode {
		return nil, errors.Join(os.ErrNotExist, handle.Close())
	}
	return &file{
		handle: handle, restart: c.restart, half: map[string]*half{},
		at: record.Position{File: c.name, Inode: c.inode},
	}, nil
}

func (f *file) close() { _ = f.handle.Close() } // it was only read

func (f *file) atEnd() bool { return f.end }

// waiting returns how many bytes of the file are not read yet.
func (f *file) waiting() int64 { return max(0, f.size()-f.at.Offset) }

func (f *file) size() int64 {
	info, err := f.handle.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// over reports whether the file has been at its end for long enough.
func (f *file) over(now time.Time) bool {
	if f.since.IsZero() {
		f.since = now
	}
	return now.Sub(f.since) >= settled
}

// read returns the entries of at most about most bytes, and how many bytes it took.
func (f *file) read(s record.Source, most, lag int64) (entries []record.Entry, taken int64) {
	f.end = false
	info, err := f.handle.Stat()
	if err != nil {
		return []record.Entry{f.gap(s, record.ReasonUnread, 0)}, 0
	}
	if info.Size() < f.at.Offset {
		f.at.Offset = 0
		entries = append(entries, f.gap(s, record.ReasonTruncated, 0))
	}
	if to, skip := record.Skip(f.at.Offset, info.Size(), lag); skip {
		skipped := to - f.at.Offset
		f.at.Offset = to
		clear(f.half)
		entries = append(entries, f.gap(s, record.ReasonRate, skipped))
	}
	if info.Size() == f.at.Offset {
		f.end = true // most polls end here
		return entries, 0
	}
	for taken < most {
		buffer := make([]byte, min(chunk, max(most-taken, record.MaxLine)))
		n, err := f.handle.ReadAt(buffer, f.at.Offset)
		got, used := f.lines(s, buffer[:n], n == len(buffer))
		entries, taken = append(entries, got...), taken+used
		if err != nil || used == 0 {
			f.end = errors.Is(err, io.EOF)
			break
		}
	}
	if taken > 0 || !f.end {
		f.since = time.Time{}
	}
	return entries, taken
}

// lines takes whole lines. A full buffer without an end of line is taken as one that is cut off.
func (f *file) lines(s record.Source, buffer []byte, full bool) (entries []record.Entry, used int64) {
	for {
		line, _, found := bytes.Cut(buffer[used:], []byte{'\n'})
		if !found {
			break
		}
		used += int64(len(line)) + 1
		f.at.Offset += int64(len(line)) + 1
		entries = append(entries, f.line(s, line)...)
	}
	if used == 0 && full {
		f.at.Offset += int64(len(buffer))
		return append(entries, f.line(s, buffer)...), int64(len(buffer))
	}
	return entries, used
}

// line returns the entry of a line of the file, unless the container's line goes on.
func (f *file) line(s record.Source, line []byte) []record.Entry {
	piece, err := record.ParseCRI(line)
	if err != nil {
		return []record.Entry{record.Line(s, f.at, record.Piece{Content: line[:min(len(line), record.MaxLine)]}, int64(max(0, len(line)-record.MaxLine)))}
	}
	h := f.half[piece.Stream]
	if h == nil {
		h = &half{}
		f.half[piece.Stream] = h
	}
	room := max(0, record.MaxLine-len(h.text))
	h.text = append(h.text, piece.Content[:min(len(piece.Content), room)]...)
	h.cut += int64(max(0, len(piece.Content)-room))
	if piece.Partial {
		return nil
	}
	piece.Content = h.text
	delete(f.half, piece.Stream)
	return []record.Entry{record.Line(s, f.at, piece, h.cut)}
}

// rest returns the entries of lines whose end was never written.
func (f *file) rest(s record.Source) (entries []record.Entry) {
	buffer := make([]byte, chunk)
	if n, _ := f.handle.ReadAt(buffer, f.at.Offset); n > 0 {
		f.at.Offset += int64(n)
		entries = append(entries, f.line(s, buffer[:n])...)
	}
	for stream, h := range f.half {
		entries = append(entries, record.Line(s, f.at, record.Piece{Stream: stream, Content: h.text}, h.cut))
	}
	return entries
}

func (f *file) gap(s record.Source, reason string, size int64) record.Entry {
	return record.Entry{Source: s, Position: f.at, Gap: &record.Gap{Reason: reason, Bytes: size}}
}

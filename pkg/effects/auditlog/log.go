package auditlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// waiting is how many lines wait for the disk.
const waiting = 4096

// Log takes lines. It is safe for concurrent use. A nil Log takes none.
type Log struct {
	in   chan []byte
	lost atomic.Int64
	to   target
}

// target is where lines go.
type target interface {
	io.Writer
	// Close ends the writing; what was written stays.
	Close() error
}

// stdout is the path of standard output.
const stdout = "-"

// Open returns the log at a path, or nil for none. most is the size of one file in bytes, and kept how many full ones stay beside it, as PATH.1 (the
// newest) and so on.
func Open(path string, most int64, kept int) (*Log, error) {
	l := &Log{in: make(chan []byte, waiting)}
	switch path {
	case "":
		return nil, nil //nolint:nilnil // no log
	case stdout:
		l.to = standard{os.Stdout}
	default:
		f := &file{path: path, most: most, kept: kept}
		if err := f.open(); err != nil {
			return nil, err
		}
		l.to = f
	}
	return l, nil
}

// standard does not close its writer.
type standard struct{ io.Writer }

func (standard) Close() error { return nil }

// Write takes a line with its newline. One for which there is no room is lost, and counted.
func (l *Log) Write(line []byte) {
	if l == nil {
		return
	}
	select {
	case l.in <- line:
	default:
		l.lost.Add(1)
	}
}

// Lost returns how many lines were not written.
func (l *Log) Lost() int64 {
	if l == nil {
		return 0
	}
	return l.lost.Load()
}

// Run writes until done is closed; then it writes what waits. failed is told the first error after each success.
func (l *Log) Run(done <-chan struct{}, failed func(error)) error {
	if l == nil {
		return nil
	}
	failing := false
	write := func(line []byte) {
		_, err := l.to.Write(line)
		if err != nil {
			l.lost.Add(1)
			if !failing {
				failed(err)
			}
		}
		failing = err != nil
	}
	for {
		select {
		case line := <-l.in:
			write(line)
		case <-done:
			for {
				select {
				case line := <-l.in:
					write(line)
				default:
					return l.to.Close()
				}
			}
		}
	}
}

// file is a file that is followed by another.
type file struct {
	path string
	most int64
	kept int

	current *os.File
	size    int64
}

func (f *file) open() error {
	current, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit log: %w; name a file in a folder that is there", err)
	}
	info, err := current.Stat()
	if err != nil {
		return errors.Join(err, current.Close())
	}
	f.current, f.size = current, info.Size()
	return nil
}

// Write writes one line. A line that was written in part is followed by the next one on a line of its own.
func (f *file) Write(line []byte) (int, error) {
	if f.current == nil {
		if err := f.open(); err != nil {
			return 0, err
		}
	}
	if f.size > 0 && f.size+int64(len(line)) > f.most {
		if err := f.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := f.current.Write(line)
	f.size += int64(n)
	if err != nil && n > 0 {
		_, _ = f.current.WriteString("\n") // if the disk has room for that
	}
	return n, err
}

// rotate renames each file to the next number, and begins another.
func (f *file) rotate() error {
	err := f.Close()
	for i := f.kept; i > 0 && err == nil; i-- {
		from := f.path
		if i > 1 {
			from = fmt.Sprintf("%s.%d", f.path, i-1)
		}
		if err = os.Rename(from, fmt.Sprintf("%s.%d", f.path, i)); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if err == nil && f.kept == 0 {
		err = os.Remove(f.path)
	}
	if err != nil {
		return fmt.Errorf("begin another file of the audit log: %w", err)
	}
	return f.open()
}

// Close closes the file.
func (f *file) Close() error {
	if f.current == nil {
		return nil
	}
	current := f.current
	f.current = nil
	return current.Close()
}

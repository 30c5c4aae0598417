// Package steps prints the steps of a long operation, and how long each took.
package steps

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Log writes one line per finished step. It is safe for concurrent use.
type Log struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
}

// New starts a log; its first column counts from here.
func New(w io.Writer) *Log { return &Log{w: w, start: time.Now()} }

// Say writes a line.
func (l *Log) Say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(l.w, "%6.1fs  %s\n", time.Since(l.start).Seconds(), fmt.Sprintf(format, args...))
}

// Do runs step and says its name and duration when it has succeeded. The error is returned as it is.
func (l *Log) Do(name string, step func() error) error {
	begin := time.Now()
	if err := step(); err != nil {
		return err
	}
	l.Say("%s (%.1fs)", name, time.Since(begin).Seconds())
	return nil
}

// Size renders a number of bytes for a person.
func Size(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

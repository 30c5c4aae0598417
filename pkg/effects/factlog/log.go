package factlog

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/atomicfile"
	"data-space.liqo.io/pkg/values/fact"
)

// Options are how a log is kept.
type Options struct {
	Node    string        // part of the log's name
	Total   int64         // bytes of all lines
	Segment int64         // bytes of a segment; a batch may exceed it
	Age     time.Duration // after which a segment is followed by another
	After   string        // what is known of the log before this one, if it could not be continued

	Now func() time.Time // nil: the node's clock
}

// Why a log is not opened.
var (
	errLocked  = errors.New("another agent writes this log")
	errDamaged = errors.New("the log is not what was signed")
)

// Log is the log of a node, open for writing. Its methods may be called by several goroutines.
type Log struct {
	Folder
	options Options

	mu       sync.Mutex
	lock     *os.File
	signers  []note.Signer
	known    note.Verifiers
	origin   string
	size     int64
	edge     [translog.Levels][]hash
	hashes   hashFiles
	segments []translog.Segment
	current  *os.File
	began    time.Time // when the current segment was, by the time that passed since: the clock may have been set
	latest   time.Time // of the current segment's facts
	signed   []byte
	covered  int64 // lines that the newest checkpoint covers
	broken   error // a failure after which only opening again knows what the disk holds
}

// Append records the facts, and returns the index of the first one. When it returns, the disk has them. After an error it has none of
// them, and the log is as before.
func (l *Log) Append(facts []fact.Fact) (first int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.turn(); err != nil {
		return 0, err
	}
	return l.append(facts)
}

func (l *Log) append(facts []fact.Fact) (first int64, err error) {
	if l.broken != nil {
		return 0, l.broken
	}
	edge := l.edge
	for level := range edge {
		edge[level] = append([]hash(nil), edge[level]...)
	}
	size := l.size
	var text []byte
	var grown []translog.Grown
	for _, f := range facts {
		line, err := fact.Encode(size, f)
		if err != nil {
			return 0, err
		}
		grown = append(grown, translog.Grow(&edge, size, line)...)
		text = append(append(text, line...), '\n')
		size++
	}
	// Hashes first: those without a line are written over.
	if err := l.hashes.write(l.Folder, grown); err != nil {
		return 0, fmt.Errorf("write the log's hashes: %w", err)
	}
	if err := l.write(text); err != nil {
		return 0, err
	}
	for _, f := range facts {
		if f.Time.After(l.latest) {
			l.latest = f.Time
		}
	}
	first, l.size, l.edge = l.size, size, edge
	l.segments[len(l.segments)-1].Size += int64(len(text))
	return first, nil
}

// write appends to the current segment and waits for the disk.
func (l *Log) write(text []byte) error {
	whole := l.segments[len(l.segments)-1].Size
	if _, err := l.current.Write(text); err != nil {
		if cut := l.current.Truncate(whole); cut != nil { // half a line must not be followed by another one
			l.broken = fmt.Errorf("cut what a failed write left in the log: %w", cut)
		}
		return fmt.Errorf("write the log: %w", err)
	}
	if err := unix.Fdatasync(int(l.current.Fd())); err != nil {
		// What the disk has is not known. Opening the log again finds it out.
		l.broken = fmt.Errorf("sync the log: %w", err)
		return l.broken
	}
	return nil
}

// turn begins another segment if the current one is full or old, and removes the oldest ones if all together are too large.
func (l *Log) turn() error {
	now := l.options.Time()
	newest := l.segments[len(l.segments)-1]
	if l.broken != nil || newest.Size < l.options.Segment && (newest.Size == 0 || now.Sub(l.began) < l.options.Age) {
		return l.broken
	}
	if err := l.begin(now); err != nil {
		return err
	}
	gone := translog.Removable(l.segments, l.options.Total-l.options.Segment)
	if gone == 0 {
		return nil
	}
	// The fact is on the disk before the first file goes: without one, another program removed the missing lines.
	oldest := l.segments[gone].First
	if _, err := l.append([]fact.Fact{{
		Time: now, Kind: fact.SegmentsRemoved, Count: oldest - l.segments[0].First, Details: map[string]string{translog.DetailOldest: fmt.Sprint(oldest)},
		Message: "the oldest lines were removed since all together exceed the log's size; their hashes stay",
	}}); err != nil {
		return err
	}
	if _, err := l.checkpoint(); err != nil {
		return err
	}
	return l.remove(gone)
}

// begin makes the next segment.
func (l *Log) begin(now time.Time) error {
	next, err := os.OpenFile(l.segment(l.size), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("begin a segment of the log: %w", err)
	}
	if err := atomicfile.SyncFolder(l.path(linesFolder)); err != nil {
		return errors.Join(fmt.Errorf("begin a segment of the log: %w", err), next.Close(), os.Remove(next.Name()))
	}
	if l.current != nil {
		_ = l.current.Close() // every byte of it is synced
		l.dated()
	}
	l.current, l.began, l.latest = next, now, time.Time{}
	l.segments = append(l.segments, translog.Segment{First: l.size})
	return nil
}

// remove removes the oldest segments, and the chunks of hashes that neither the rest nor a consistency proof needs.
func (l *Log) remove(segments int) error {
	for range segments {
		if err := os.Remove(l.segment(l.segments[0].First)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove the oldest segment of the log: %w", err)
		}
		l.segments = l.segments[1:]
	}
	return l.hashes.prune(l.Folder, l.segments[0].First, l.size)
}

// Checkpoint signs the log as it is, and returns the signed checkpoint. When it returns, the disk has it.
func (l *Log) Checkpoint() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkpoint()
}

// Size returns how many lines the log has, and how many of them the newest checkpoint covers.
func (l *Log) Size() (lines, covered int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size, l.covered
}

// Origin returns the log's name.
func (l *Log) Origin() string { return l.origin }

// Close signs a last checkpoint and closes the log.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.checkpoint()
	return errors.Join(err, l.close())
}

func (l *Log) close() error {
	problems := []error{l.hashes.close()}
	if l.current != nil {
		problems = append(problems, l.current.Close())
	}
	l.broken = errors.New("the log is closed")
	return errors.Join(append(problems, l.lock.Close())...)
}

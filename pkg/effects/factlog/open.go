package factlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/atomicfile"
	"data-space.liqo.io/pkg/values/fact"
)

// Open opens the log in the folder for writing, and makes it if there is none. What was being written when the node or the agent ended is
// cut off, with a fact that it was. errLocked: another agent has it open. errDamaged: lines or hashes that were signed are missing or
// differ; nothing was changed then.
func Open(folder string, o Options) (*Log, error) {
	l := &Log{Folder: Folder(folder), options: o}
	if err := os.MkdirAll(l.path(linesFolder), 0o700); err != nil {
		return nil, fmt.Errorf("make the log's folder: %w", err)
	}
	if err := l.acquire(); err != nil {
		return nil, err
	}
	if err := l.load(); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// Reopen reads the log from the disk again if a failure left it unknown what the disk has.
func (l *Log) Reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken == nil {
		return nil
	}
	if l.current != nil {
		_ = l.current.Close() // its end is read from the disk
	}
	_ = l.hashes.close()
	l.current, l.size, l.covered, l.signed, l.edge, l.segments, l.broken = nil, 0, 0, nil, [translog.Levels][]hash{}, nil, nil
	if err := l.load(); err != nil {
		l.broken = err
		return err
	}
	return nil
}

func (l *Log) acquire() error {
	var err error
	if l.lock, err = os.OpenFile(l.path(lockFile), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return fmt.Errorf("lock the log: %w", err)
	}
	if err := unix.Flock(int(l.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%w (%s): %w", errLocked, l.Folder, err), l.lock.Close())
	}
	return nil
}

// load brings the log from the disk.
func (l *Log) load() error {
	if err := atomicfile.Collect(string(l.Folder)); err != nil {
		return fmt.Errorf("remove unfinished files of the log: %w", err)
	}
	segments, err := l.Segments()
	if err != nil {
		return err
	}
	err = l.readKeys()
	if errors.Is(err, fs.ErrNotExist) && len(segments) == 0 {
		err = l.create()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: it has lines, and no key", errDamaged)
	}
	if err != nil {
		return err
	}
	if err := l.restore(); err != nil {
		return err
	}
	if len(segments) == 0 {
		if l.covered > 0 {
			return fmt.Errorf("%w: all its lines are missing", errDamaged)
		}
		return l.first()
	}
	l.segments = segments
	return l.resume()
}

// first begins a new log.
func (l *Log) first() error {
	now := l.options.Time()
	if err := l.begin(now); err != nil {
		return err
	}
	return l.introduce(now)
}

// introduce writes the first line of a log.
func (l *Log) introduce(now time.Time) error {
	keys, err := l.Keys()
	if err != nil {
		return err
	}
	f := fact.Fact{Time: now, Kind: fact.LogStarted, Message: "the log of this node begins", Details: map[string]string{"origin": l.origin, "key": keys[len(keys)-1]}}
	if l.options.After != "" {
		f.Warning, f.Message = true, "a new log begins, since the one before it cannot be continued"
		f.Details["before"] = l.options.After
	}
	if _, err = l.append([]fact.Fact{f}); err == nil {
		_, err = l.checkpoint()
	}
	return err
}

// restore brings the tree as the newest checkpoint has it.
func (l *Log) restore() error {
	signed, err := l.Folder.Checkpoint()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the log's checkpoint: %w", err)
	}
	c, _, err := translog.OpenCheckpoint(signed, l.known)
	if err != nil {
		return fmt.Errorf("%w: its checkpoint: %w", errDamaged, err)
	}
	if c.Origin != l.origin {
		return fmt.Errorf("%w: its checkpoint is of the log %q", errDamaged, c.Origin)
	}
	root, err := tlog.TreeHash(c.N, translog.Entries(l.Entries))
	if err != nil {
		return fmt.Errorf("%w: its hashes: %w", errDamaged, err)
	}
	if root != c.Hash {
		return fmt.Errorf("%w: its hashes do not match its checkpoint", errDamaged)
	}
	for level := range translog.Levels {
		size := translog.LevelSize(level, c.N)
		if within := int(size % translog.TileWidth); within > 0 {
			if l.edge[level], err = l.Entries(level, size-int64(within), within); err != nil {
				return fmt.Errorf("%w: %w", errDamaged, err)
			}
		}
	}
	l.size, l.covered, l.signed = c.N, c.N, signed
	return nil
}

// resume reads the lines that follow the checkpoint, and opens the newest segment behind the last whole one.
func (l *Log) resume() error {
	at := 0
	for at+1 < len(l.segments) && l.segments[at+1].First <= l.size {
		at++
	}
	for ; at < len(l.segments); at++ {
		s := l.segments[at]
		if s.First > l.size {
			return fmt.Errorf("%w: lines are missing from index %d on", errDamaged, l.size)
		}
		text, err := os.ReadFile(l.segment(s.First))
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		whole, err := l.replay(s, text)
		if err != nil {
			return err
		}
		if at+1 == len(l.segments) {
			return l.reopen(text, whole)
		}
		if int(whole) < len(text) {
			return fmt.Errorf("%w: line %d is damaged", errDamaged, l.size)
		}
	}
	return nil
}

// replay brings the tree of the lines of a segment that it does not have yet, and returns where the last whole line ends.
func (l *Log) replay(s translog.Segment, text []byte) (whole int64, err error) {
	for n := s.First; n < l.size; n++ {
		end := bytes.IndexByte(text[whole:], '\n')
		if end < 0 {
			return 0, fmt.Errorf("%w: line %d is missing", errDamaged, n)
		}
		whole += int64(end) + 1
	}
	length, _ := translog.Whole(text[whole:], l.size)
	var grown []translog.Grown
	for line := range bytes.Lines(text[whole : whole+length]) {
		grown = append(grown, translog.Grow(&l.edge, l.size, bytes.TrimSuffix(line, []byte("\n")))...)
		l.size++
	}
	return whole + length, l.hashes.write(l.Folder, grown)
}

// reopen opens the newest segment for writing, cuts what is not whole, and records that.
func (l *Log) reopen(text []byte, whole int64) error {
	newest := &l.segments[len(l.segments)-1]
	var err error
	if l.current, err = os.OpenFile(l.segment(newest.First), os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	newest.Size, l.began, l.latest = whole, l.options.Time(), latestOf(text[:whole])
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		if f, err := fact.Decode(text[:end]); err == nil {
			age := l.began.Sub(f.Time) // less than none if the clock was set back since
			l.began = l.began.Add(-max(0, min(age, l.options.Age)))
		}
	}
	torn := text[whole:]
	if len(torn) > 0 {
		if err := errors.Join(l.current.Truncate(whole), l.current.Sync()); err != nil {
			return fmt.Errorf("cut the unfinished end of the log: %w", err)
		}
	}
	if l.size == 0 {
		return l.introduce(l.options.Time())
	}
	if len(torn) == 0 {
		return nil
	}
	digest := sha256.Sum256(torn)
	_, err = l.append([]fact.Fact{{
		Time: l.options.Time(), Kind: fact.TailCut, Count: int64(len(torn)), Details: map[string]string{"sha256": hex.EncodeToString(digest[:])},
		Message: "bytes at the end of the log were no whole line: a write that was under way when the node or the agent ended; none of it was acknowledged",
	}})
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return nil // the cut stands; there is no room to say so
	}
	return err
}

package factlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/values/fact"
)

// errGone means that a line was removed for the disk's sake, or is not there yet.
var errGone = errors.New("the log does not have the line")

// Lines calls each with the lines from index from on, without their newlines, and the index that their place gives them. A line is
// valid during the call. What is not ended by a newline is being written, and left out.
func (f Folder) Lines(from int64, each func(index int64, line []byte) error) error {
	segments, err := f.Segments()
	if err != nil {
		return err
	}
	for i, s := range segments {
		if i+1 < len(segments) && segments[i+1].First <= from {
			continue
		}
		if err := f.segmentLines(s.First, from, each); err != nil {
			return err
		}
	}
	return nil
}

// segmentLines calls each with the lines of the segment whose first line has the number index, without their newlines, from line from on. A line
// at the end that has no newline was not written whole and is left out. The line is valid during the call only.
func (f Folder) segmentLines(index, from int64, each func(index int64, line []byte) error) error {
	file, err := os.Open(f.segment(index))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed meanwhile
	}
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 2*fact.MaxLine)
	for ; ; index++ {
		line, err := r.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // it is no fact; its beginning shows that
			_, err = r.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if index < from {
			continue
		}
		if err := each(index, line[:len(line)-1]); err != nil {
			return err
		}
	}
}

// errEnough ends reading.
var errEnough = errors.New("enough")

// Read returns the lines from index first on, at most count. errors.Is errGone if the first one is not there.
func (f Folder) Read(first int64, count int) ([][]byte, error) {
	var all [][]byte
	err := f.Lines(first, func(index int64, line []byte) error {
		if index != first+int64(len(all)) {
			return fmt.Errorf("%w of index %d: it was removed", errGone, first)
		}
		all = append(all, append([]byte(nil), line...))
		if len(all) == count {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w of index %d yet", errGone, first)
	}
	return all, nil
}

// Unverified reads a signed checkpoint without verifying its signatures.
func Unverified(signed []byte) (translog.Checkpoint, error) {
	return translog.ParseCheckpoint(unsigned(signed))
}

// unsigned returns the text of a signed note, without verifying its signatures.
func unsigned(signed []byte) string {
	n, err := note.Open(signed, note.VerifierList())
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		n = unverified.Note
	}
	if n == nil {
		return ""
	}
	return n.Text
}

// Prove returns the proof that a line is in the log.
func (f Folder) Prove(index int64) (translog.Proof, error) {
	signed, c, err := f.Covering(index)
	if err != nil {
		return translog.Proof{}, err
	}
	lines, err := f.Read(index, 1)
	if err != nil {
		return translog.Proof{}, err
	}
	hashes, err := tlog.ProveRecord(c.N, index, translog.Entries(f.Entries))
	if err != nil {
		return translog.Proof{}, fmt.Errorf("prove the line of index %d: %w", index, err)
	}
	return translog.Proof{Line: lines[0], Index: index, Hashes: hashes, Checkpoint: signed}, nil
}

// Tile returns the bytes of a tile.
func (f Folder) Tile(t tlog.Tile) ([]byte, error) {
	first := t.N * translog.TileWidth
	var raw []byte
	if t.L < 0 {
		lines, err := f.Read(first, t.W)
		if err == nil && len(lines) < t.W {
			err = fmt.Errorf("%w of index %d yet", errGone, first+int64(len(lines)))
		}
		for _, line := range lines {
			raw = translog.AppendEntry(raw, line)
		}
		return raw, err
	}
	hashes, err := f.Entries(t.L, first, t.W)
	for _, h := range hashes {
		raw = append(raw, h[:]...)
	}
	return raw, err
}

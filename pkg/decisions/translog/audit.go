package translog

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/values/fact"
)

// Flaw is one thing that is wrong with a log.
type Flaw struct {
	// Reason is one of the reasons below.
	Reason  string `json:"reason"`
	Index   int64  `json:"index"` // of the line; -1: of none
	Message string `json:"message"`
}

// Reasons of flaws.
const (
	Altered   = "Altered"   // a line is not what was recorded
	Removed   = "Removed"   // lines are missing
	Reordered = "Reordered" // a line is at another's place
	Rehashed  = "Rehashed"  // the stored hashes do not belong together
	Resigned  = "Resigned"  // the checkpoint is not signed by the log's key
	Rewritten = "Rewritten" // the lines are not those that a checkpoint was signed over
)

// DetailOldest is the detail of a fact SegmentsRemoved that names the oldest line that is left.
const DetailOldest = "oldest"

// maxFlaws bounds what an audit reports one by one.
const maxFlaws = 100

// Audit compares the lines of a log with its hashes. It is for the lines in their order, from the oldest that is left on, and for one goroutine.
// Its memory does not grow with the log.
type Audit struct {
	Entries Entries
	Size    int64 // lines that the checkpoint covers
	// Flaws are what was found, at most maxFlaws.
	Flaws []Flaw
	Lines int64 // that were read

	next   int64
	begun  bool
	first  int64       // line that was read
	oldest int64       // line that is left by what the log records of removed segments
	tile   []tlog.Hash // of the tile that is read
}

// Line takes the next line. index is the one that its place gives it.
func (a *Audit) Line(index int64, line []byte) {
	if !a.begun {
		a.next, a.first, a.begun = index, index, true
	}
	if index != a.next {
		a.flaw(Removed, a.next, fmt.Sprintf("%d lines are missing from index %d on", index-a.next, a.next))
	}
	a.next = index + 1
	a.Lines++
	f, err := fact.Decode(line)
	switch {
	case err != nil:
		a.flaw(Altered, index, err.Error())
		return
	case f.Index != index:
		a.flaw(Reordered, index, fmt.Sprintf("line %d is at the place of line %d", f.Index, index))
		return
	}
	if oldest, err := strconv.ParseInt(f.Details[DetailOldest], 10, 64); err == nil && f.Kind == fact.SegmentsRemoved {
		a.oldest = max(a.oldest, oldest)
	}
	if index >= a.Size {
		return // not signed yet
	}
	stored, err := a.stored(index)
	switch {
	case err != nil:
		a.flaw(Rehashed, index, err.Error())
	case stored != tlog.RecordHash(line):
		a.flaw(Altered, index, "the line does not match its stored hash")
	}
}

// stored returns the stored hash of a line, reading it a tile at a time.
func (a *Audit) stored(index int64) (tlog.Hash, error) {
	from := index / TileWidth * TileWidth
	if index == from || a.tile == nil {
		count := int(min(TileWidth, a.Size-from))
		var err error
		if a.tile, err = a.Entries(0, from, count); err != nil {
			a.tile = nil
			return tlog.Hash{}, err
		}
		if count == TileWidth {
			a.completed(from, a.tile)
		}
	}
	if int(index-from) >= len(a.tile) {
		return tlog.Hash{}, errors.New("the stored hash is missing")
	}
	return a.tile[index-from], nil
}

// completed compares the hash over a complete tile with the one that is stored a level above.
func (a *Audit) completed(from int64, tile []tlog.Hash) {
	for level := 1; level < Levels; level++ {
		n := from >> (tileHeight * level)
		above, err := a.Entries(level, n, 1)
		if err != nil || len(above) != 1 || above[0] != subtreeRoot(tile) {
			a.flaw(Rehashed, from, fmt.Sprintf("the stored hash %d of level %d is not that of the hashes below it", n, level))
			return
		}
		first := n / TileWidth * TileWidth
		if n != first+TileWidth-1 {
			return
		}
		if tile, err = a.Entries(level, first, TileWidth); err != nil {
			a.flaw(Rehashed, from, err.Error())
			return
		}
	}
}

// End compares the hashes with a checkpoint of the log, the newest or one that was kept elsewhere.
func (a *Audit) End(c Checkpoint) {
	if a.begun && a.next < a.Size {
		a.flaw(Removed, a.next, fmt.Sprintf("the checkpoint covers %d lines, the last %d are missing", a.Size, a.Size-a.next))
		return
	}
	if a.first > a.oldest {
		a.flaw(Removed, a.oldest, fmt.Sprintf("the oldest line is %d; the log records no removal of those from %d on", a.first, a.oldest))
	}
	a.Against(c)
}

// Against compares the hashes with a checkpoint.
func (a *Audit) Against(c Checkpoint) {
	if c.N > a.Size {
		a.flaw(Removed, a.Size, fmt.Sprintf("a checkpoint was signed over %d lines, the log has %d", c.N, a.Size))
		return
	}
	if c.N == 0 {
		return
	}
	root, err := tlog.TreeHash(c.N, a.Entries)
	if err != nil {
		a.flaw(Rehashed, -1, fmt.Sprintf("hashes of the first %d lines: %v", c.N, err))
	} else if root != c.Hash {
		a.flaw(Rewritten, -1, fmt.Sprintf("the hash over the first %d lines is %v, the checkpoint has %v", c.N, root, c.Hash))
	}
}

func (a *Audit) flaw(reason string, index int64, message string) {
	if len(a.Flaws) < maxFlaws {
		a.Flaws = append(a.Flaws, Flaw{Reason: reason, Index: index, Message: message})
	}
}

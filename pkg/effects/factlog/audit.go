package factlog

import (
	"errors"
	"fmt"
	"io/fs"

	"data-space.liqo.io/pkg/decisions/translog"
)

// Audit compares the lines of the log with its hashes, and both with its newest checkpoint, which one of the keys must have signed; no
// keys: those in the folder. against are checkpoints of this log that were kept elsewhere.
func (f Folder) Audit(keys []string, against ...[]byte) (translog.Audit, translog.Checkpoint, error) {
	a := translog.Audit{Entries: f.Entries}
	if len(keys) == 0 {
		var err error
		if keys, err = f.Keys(); err != nil {
			return a, translog.Checkpoint{}, fmt.Errorf("read the log's public keys: %w", err)
		}
	}
	known, err := Verifiers(keys)
	if err != nil {
		return a, translog.Checkpoint{}, err
	}
	// The checkpoint first: lines that are appended meanwhile are behind it.
	signed, err := f.Checkpoint()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return a, translog.Checkpoint{}, fmt.Errorf("read the log's checkpoint: %w", err)
	}
	c, _, err := translog.OpenCheckpoint(signed, known)
	if err != nil {
		a.Flaws = append(a.Flaws, translog.Flaw{Reason: translog.Resigned, Index: -1, Message: err.Error()})
		c, _ = translog.ParseCheckpoint(unsigned(signed))
	}
	a.Size = c.N
	if err := f.Lines(0, func(index int64, line []byte) error { a.Line(index, line); return nil }); err != nil {
		return a, c, err
	}
	a.End(c)
	for _, other := range against {
		kept, _, err := translog.OpenCheckpoint(other, known)
		switch {
		case err != nil:
			a.Flaws = append(a.Flaws, translog.Flaw{Reason: translog.Resigned, Index: -1, Message: "the checkpoint to compare with: " + err.Error()})
		case kept.Origin != c.Origin:
			a.Flaws = append(a.Flaws, translog.Flaw{Reason: translog.Rewritten, Index: -1,
				Message: fmt.Sprintf("the checkpoint to compare with is of the log %q, this one is %q", kept.Origin, c.Origin)})
		default:
			a.Against(kept)
		}
	}
	return a, c, nil
}

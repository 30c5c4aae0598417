package translog_test

import (
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
)

// submission is what a log sends to one who knows so many of its lines.
func submission(t *testing.T, w *tree, old int64) []byte {
	t.Helper()
	c, signed := w.checkpoint(t)
	s := translog.Submission{Old: min(old, c.N), Checkpoint: signed}
	if s.Old > 0 && s.Old < c.N {
		var err error
		s.Proof, err = tlog.ProveTree(c.N, s.Old, translog.Entries(w.entries))
		require.NoError(t, err)
	}
	return s.Text()
}

func TestALogThatDoesNotContinueWhatWasKeptContradictsIt(t *testing.T) {
	w := newTree(t, "log", 100, "line")
	secret, key, err := note.GenerateKey(rand.Reader, "log")
	require.NoError(t, err)
	w.signer, err = note.NewSigner(secret)
	require.NoError(t, err)

	kept, lines, err := translog.Continued(submission(t, w, 0), []string{key}, nil)
	require.NoError(t, err)
	require.Equal(t, int64(100), lines)
	require.Equal(t, int64(100), translog.CheckpointLines(kept))
	_, _, err = translog.Continued(submission(t, w, 100), []string{key}, kept)
	require.NoError(t, err, "it did not grow")
	w.grow(50, "line")
	_, lines, err = translog.Continued(submission(t, w, 100), []string{key}, kept)
	require.NoError(t, err)
	require.Equal(t, int64(150), lines)

	rewritten := newTree(t, "log", 0, "")
	rewritten.signer = w.signer
	rewritten.grow(160, "other")
	shorter := newTree(t, "log", 0, "")
	shorter.signer = w.signer
	shorter.grow(90, "line")
	other := newTree(t, "another", 200, "line")
	resigned := newTree(t, "log", 200, "line")
	for name, log := range map[string]*tree{"rewritten": rewritten, "shorter": shorter, "another log": other, "another key": resigned} {
		_, _, err = translog.Continued(submission(t, log, 100), []string{key}, kept)
		require.ErrorIs(t, err, translog.ErrContradiction, name)
	}
	_, _, err = translog.Continued(submission(t, w, 100), []string{key}, []byte("damaged"))
	require.ErrorIs(t, err, translog.ErrContradiction)
}

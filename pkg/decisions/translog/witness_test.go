package translog_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
)

// tree is a log in memory.
type tree struct {
	signer note.Signer
	key    note.Verifier
	hashes [translog.Levels][]tlog.Hash
	edge   [translog.Levels][]tlog.Hash
	size   int64
}

func newTree(t *testing.T, origin string, lines int, content string) *tree {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, origin)
	require.NoError(t, err)
	w := &tree{}
	w.signer, err = note.NewSigner(secret)
	require.NoError(t, err)
	w.key, err = note.NewVerifier(public)
	require.NoError(t, err)
	w.grow(lines, content)
	return w
}

func (w *tree) grow(lines int, content string) {
	for range lines {
		for _, g := range translog.Grow(&w.edge, w.size, fmt.Appendf(nil, "%s %d", content, w.size)) {
			w.hashes[g.Level] = append(w.hashes[g.Level], g.Hash)
		}
		w.size++
	}
}

func (w *tree) entries(level int, first int64, count int) ([]tlog.Hash, error) {
	if first+int64(count) > int64(len(w.hashes[level])) {
		return nil, errors.New("not there")
	}
	return w.hashes[level][first : first+int64(count)], nil
}

func (w *tree) checkpoint(t *testing.T) (translog.Checkpoint, []byte) {
	t.Helper()
	root, err := tlog.TreeHash(w.size, translog.Entries(w.entries))
	require.NoError(t, err)
	c := translog.Checkpoint{Origin: w.signer.Name(), Tree: tlog.Tree{N: w.size, Hash: root}}
	signed, err := note.Sign(&note.Note{Text: c.Text()}, w.signer)
	require.NoError(t, err)
	return c, signed
}

// The tree is that of golang.org/x/mod, at sizes around those of tiles.
func TestTheTreeOfTilesIsThatOfRFC6962(t *testing.T) {
	w := newTree(t, "log", 0, "line")
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var all []tlog.Hash
		for _, i := range indexes {
			all = append(all, stored[i])
		}
		return all, nil
	})
	for n := range int64(70_000) {
		more, err := tlog.StoredHashes(n, fmt.Appendf(nil, "line %d", n), reader)
		require.NoError(t, err)
		stored = append(stored, more...)
		w.grow(1, "line")
		if n > 600 && n != 65_535 && n != 65_536 && n != 69_999 {
			continue
		}
		want, err := tlog.TreeHash(n+1, reader)
		require.NoError(t, err)
		c, _ := w.checkpoint(t)
		require.Equal(t, want, c.Hash, "%d lines", n+1)
	}
	for _, index := range []int64{0, 255, 256, 65_535, 65_536, 69_999} {
		want, err := tlog.ProveRecord(70_000, index, reader)
		require.NoError(t, err)
		got, err := tlog.ProveRecord(70_000, index, translog.Entries(w.entries))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestAWitnessRefusesAllThatDoesNotContinueWhatItKnows(t *testing.T) {
	w := newTree(t, "log", 300, "line")
	before, _ := w.checkpoint(t)
	w.grow(100, "line")
	_, now := w.checkpoint(t)
	proof, err := tlog.ProveTree(400, 300, translog.Entries(w.entries))
	require.NoError(t, err)
	other := newTree(t, "log", 400, "another line")
	other.signer, other.key = w.signer, w.key
	_, rewritten := other.checkpoint(t)
	same := newTree(t, "log", 300, "another line")
	same.signer, same.key = w.signer, w.key
	_, sameSize := same.checkpoint(t)
	stranger := newTree(t, "log", 400, "line")
	_, forged := stranger.checkpoint(t)
	short := newTree(t, "log", 200, "line")
	short.signer, short.key = w.signer, w.key
	_, shorter := short.checkpoint(t)
	_, unknown := newTree(t, "another.log", 400, "line").checkpoint(t)
	keys := map[string][]note.Verifier{"log": {w.key}}
	known := func(origin string) (translog.Checkpoint, error) {
		if origin != "log" {
			return translog.Checkpoint{}, errors.New("another origin")
		}
		return before, nil
	}
	for name, c := range map[string]struct {
		submission translog.Submission
		status     int
		conflict   bool
	}{
		"continues":                        {translog.Submission{Old: 300, Proof: proof, Checkpoint: now}, 200, false},
		"another old size":                 {translog.Submission{Old: 0, Checkpoint: now}, translog.StatusConflict, false},
		"no proof":                         {translog.Submission{Old: 300, Checkpoint: now}, translog.StatusUnproven, true},
		"rewritten":                        {translog.Submission{Old: 300, Proof: proof, Checkpoint: rewritten}, translog.StatusUnproven, true},
		"rewritten at the same size":       {translog.Submission{Old: 300, Checkpoint: sameSize}, translog.StatusConflict, true},
		"shorter":                          {translog.Submission{Old: 200, Checkpoint: shorter}, translog.StatusConflict, false},
		"an old size beyond its own":       {translog.Submission{Old: 300, Checkpoint: shorter}, translog.StatusMalformed, false},
		"a key that is not the log's":      {translog.Submission{Old: 300, Proof: proof, Checkpoint: forged}, translog.StatusForbidden, false},
		"a log that is not known":          {translog.Submission{Old: 0, Checkpoint: unknown}, translog.StatusUnknown, false},
		"a checkpoint that is not one":     {translog.Submission{Old: 0, Checkpoint: []byte("log\n1\n")}, translog.StatusForbidden, false},
		"an altered size, signed as other": {translog.Submission{Old: 300, Proof: proof, Checkpoint: []byte(strings.Replace(string(now), "400", "500", 1))}, translog.StatusForbidden, false},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := translog.ParseSubmission(c.submission.Text())
			require.NoError(t, err)
			_, _, err = translog.Judge(parsed, keys, known)
			if c.status == 200 {
				require.NoError(t, err)
				return
			}
			var refusal *translog.RefusalError
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, c.status, refusal.Status, refusal.Reason)
			require.Equal(t, c.conflict, refusal.Conflict)
			if c.status == translog.StatusConflict {
				require.EqualValues(t, 300, refusal.Known)
			}
		})
	}
}

func TestWhatIsNoSubmissionIsRejected(t *testing.T) {
	for _, text := range []string{
		"", "old 1", "old 01\n\nx", "old -1\n\nx", "old 1\nAAAA\n\nx", "new 1\n\nx", "old 99999999999999999999\n\nx",
		"old 1\n" + strings.Repeat("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", 64) + "\nx", "old 1\n\n" + strings.Repeat("x", translog.MaxSubmission),
	} {
		_, err := translog.ParseSubmission([]byte(text))
		require.Error(t, err, "%.40q", text)
	}
}

func TestWhatIsNoCheckpointIsRejected(t *testing.T) {
	const hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	_, err := translog.ParseCheckpoint("log\n1\n" + hash + "\nan extension\n")
	require.NoError(t, err)
	for _, text := range []string{"", "log\n1\n" + hash, "\n1\n" + hash + "\n", "log\n-1\n" + hash + "\n", "log\n01\n" + hash + "\n", "log\n1\n" + hash[:40] + "\n", "log\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n"} {
		_, err := translog.ParseCheckpoint(text)
		require.Error(t, err, "%q", text)
	}
}

func TestPathsOfTiles(t *testing.T) {
	for path, want := range map[string]tlog.Tile{
		"tile/0/000":                 {H: 8, L: 0, N: 0, W: 256},
		"tile/1/x001/x234/067.p/8":   {H: 8, L: 1, N: 1234067, W: 8},
		"tile/entries/x001/000.p/1":  {H: 8, L: -1, N: 1000, W: 1},
		"tile/entries/x001/x000/255": {H: 8, L: -1, N: 1000255, W: 256},
	} {
		require.Equal(t, path, translog.TilePath(want))
		got, err := translog.ParseTilePath(path)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, path := range []string{"", "tile/", "tile/8/0/000", "tile/0/0", "tile/0/000.p/256", "tile/-1/000", "tile/data/000", "tile/9/000", "../key", "tile/0/../key", "/tile/0/000"} {
		_, err := translog.ParseTilePath(path)
		require.Error(t, err, path)
	}
}

func TestAWitnessKeyIsReadBackAndAWrongOneIsRejected(t *testing.T) {
	const key = "witness.example+1c8f3d9b+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	_, err := translog.ParseWitness(key)
	require.Error(t, err, "the hash is wrong")
	made := translog.NewWitness("witness.example", make([]byte, 32))
	got, err := translog.ParseWitness(made.String())
	require.NoError(t, err)
	require.Equal(t, made, got)
	for _, text := range []string{"", "a", "a+b", "a+b+c", "+00000000+", strings.Replace(made.String(), "+BA", "+AQ", 1)} {
		_, err := translog.ParseWitness(text)
		require.Error(t, err, text)
	}
}

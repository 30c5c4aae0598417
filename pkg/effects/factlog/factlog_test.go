package factlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

func options() factlog.Options {
	return factlog.Options{Node: "node-1", Total: 1 << 20, Segment: 1 << 16, Age: time.Hour}
}

func open(t *testing.T, folder string, o factlog.Options) *factlog.Log {
	t.Helper()
	l, err := factlog.Open(folder, o)
	require.NoError(t, err)
	return l
}

func facts(n int) []fact.Fact {
	var all []fact.Fact
	for i := range n {
		all = append(all, fact.Fact{Time: time.Now(), Kind: "Test", Message: fmt.Sprintf("message %d", i), Subject: fact.Subject{Namespace: "space", Pod: "pod"}})
	}
	return all
}

// audit reads the whole log and returns what is wrong with it.
func audit(t *testing.T, f factlog.Folder, keys ...string) []translog.Flaw {
	t.Helper()
	a, _, err := f.Audit(keys)
	require.NoError(t, err)
	return a.Flaws
}

// verifiers returns those of the keys in the log's folder.
func verifiers(t *testing.T, f factlog.Folder) note.Verifiers {
	t.Helper()
	keys, err := f.Keys()
	require.NoError(t, err)
	known, err := factlog.Verifiers(keys)
	require.NoError(t, err)
	return known
}

func TestLinesAreThereAfterTheNextStartAndEachCanBeProven(t *testing.T) {
	folder := t.TempDir()
	l := open(t, folder, options())
	_, err := factlog.Open(folder, options())
	require.ErrorIs(t, err, factlog.ErrLocked)
	for i := range 5 {
		first, err := l.Append(facts(100))
		require.NoError(t, err)
		require.EqualValues(t, 1+i*100, first, "the first line is the log's introduction")
	}
	origin := l.Origin()
	require.NoError(t, l.Close())
	l = open(t, folder, options())
	require.Equal(t, origin, l.Origin())
	lines, covered := l.Size()
	require.EqualValues(t, 501, lines)
	require.EqualValues(t, 501, covered)
	require.NoError(t, l.Close())

	f := factlog.Folder(folder)
	known := verifiers(t, f)
	for index := range int64(501) {
		p, err := f.Prove(index)
		require.NoError(t, err)
		p, err = translog.ParseProof(p.Text())
		require.NoError(t, err)
		c, _, err := p.Check(known)
		require.NoError(t, err)
		require.Equal(t, origin, c.Origin)
		got, err := fact.Decode(p.Line)
		require.NoError(t, err)
		require.Equal(t, index, got.Index)
	}
	_, err = f.Prove(501)
	require.Error(t, err)
	require.Empty(t, audit(t, f))
	info, err := os.Stat(filepath.Join(folder, "key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestAProofThatWasTouchedIsRejected(t *testing.T) {
	folder := t.TempDir()
	l := open(t, folder, options())
	_, err := l.Append(facts(300))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	f := factlog.Folder(folder)
	known := verifiers(t, f)
	proof, err := f.Prove(123)
	require.NoError(t, err)
	text := proof.Text()
	require.Less(t, len(text), 2048)
	for i := range text {
		touched := bytes.Clone(text)
		touched[i] ^= 1
		p, err := translog.ParseProof(touched)
		if err == nil {
			_, _, err = p.Check(known)
		}
		if err == nil { // a signature has more than one form in base64
			signed, _, found := bytes.Cut(touched, []byte("\n\n— "))
			require.True(t, found && bytes.HasPrefix(text, signed), "byte %d", i)
		}
	}
	other := open(t, t.TempDir(), options())
	require.NoError(t, other.Close())
	_, _, err = proof.Check(verifiers(t, other.Folder))
	require.Error(t, err, "another node's key")
}

// The last write is cut at each of its bytes, and at each is followed by what a file system may leave behind: nothing, zeros, other bytes.
func TestATornTailIsCutAtEachByteAndNothingBeforeItIsLost(t *testing.T) {
	folder := t.TempDir()
	l := open(t, folder, options())
	_, err := l.Append(facts(40))
	require.NoError(t, err)
	_, err = l.Checkpoint()
	require.NoError(t, err)
	_, err = l.Append(facts(3)) // acknowledged, not signed
	require.NoError(t, err)
	acknowledged := snapshot(t, folder)
	_, err = l.Append(facts(2))
	require.NoError(t, err)
	whole := snapshot(t, folder)
	require.NoError(t, l.Close())
	segment := filepath.Join("lines", fmt.Sprintf("%020d.jsonl", 0))
	before, after := acknowledged[segment], whole[segment]
	require.Equal(t, before, after[:len(before)])
	for at := len(before); at <= len(after); at++ {
		rests := []string{"", strings.Repeat("\x00", 100), strings.Repeat("\x00", 100) + "\n", "{\"v\":1}\n", string(before[:200])}
		for _, rest := range append(rests[:1:1], rests[1+at%4]) {
			torn := t.TempDir()
			restore(t, torn, whole)
			require.NoError(t, os.WriteFile(filepath.Join(torn, segment), append(bytes.Clone(after[:at]), rest...), 0o600))
			l := open(t, torn, options())
			lines, _ := l.Size()
			require.NoError(t, l.Close())
			want := int64(bytes.Count(after[:at], []byte("\n")))
			if cut := at + len(rest) - (bytes.LastIndexByte(after[:at], '\n') + 1); cut > 0 {
				want++ // the fact that a tail was cut
			}
			require.Equal(t, want, lines, "cut at %d of %d, %q", at, len(after), rest)
			text, err := os.ReadFile(filepath.Join(torn, segment))
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(text, before))
			if want > 44 {
				require.Empty(t, audit(t, factlog.Folder(torn)))
			}
		}
	}
}

func snapshot(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		all[name] = text
		return err
	}))
	return all
}

func restore(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, text, 0o600))
	}
}

func TestTheLogIsBoundedOnDiskAndWhatIsLeftCanStillBeProven(t *testing.T) {
	folder := t.TempDir()
	o := options()
	o.Total, o.Segment = 256<<10, 32<<10
	l := open(t, folder, o)
	for range 60 {
		_, err := l.Append(facts(200))
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
	f := factlog.Folder(folder)
	segments, err := f.Segments()
	require.NoError(t, err)
	var total int64
	for _, s := range segments {
		total += s.Size
	}
	require.LessOrEqual(t, total, o.Total+40<<10, "the limit, and one batch")
	require.Greater(t, total, o.Total/2)
	oldest := segments[0].First
	require.Positive(t, oldest)
	require.Empty(t, audit(t, f))
	known := verifiers(t, f)
	for _, index := range []int64{oldest, oldest + 1, oldest + 255, oldest + 1000} {
		p, err := f.Prove(index)
		require.NoError(t, err)
		_, _, err = p.Check(known)
		require.NoError(t, err)
	}
	_, err = f.Prove(oldest - 1)
	require.ErrorIs(t, err, factlog.ErrGone)

	t.Run("segments that another program removed", func(t *testing.T) {
		require.NoError(t, os.Remove(filepath.Join(folder, "lines", fmt.Sprintf("%020d.jsonl", oldest))))
		require.Equal(t, translog.Removed, audit(t, f)[0].Reason)
	})
}

func TestANewKeySignsWithTheOneBeforeAndIsInTheLog(t *testing.T) {
	folder := t.TempDir()
	l := open(t, folder, options())
	var keys []string
	for range 3 {
		key, err := l.Rotate(time.Now())
		require.NoError(t, err)
		keys = append(keys, key)
		l = reopened(t, l, folder)
	}
	signed, err := l.Checkpoint()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for i, want := range []bool{false, true, true} { // only the last two sign
		known, err := factlog.Verifiers(keys[i : i+1])
		require.NoError(t, err)
		_, _, err = translog.OpenCheckpoint(signed, known)
		require.Equal(t, want, err == nil, "key %d: %v", i, err)
	}
	f := factlog.Folder(folder)
	require.Empty(t, audit(t, f, keys[2]))
	var history []string
	require.NoError(t, f.Lines(0, func(_ int64, line []byte) error {
		r, err := fact.Decode(line)
		if key := r.Details["key"]; key != "" {
			history = append(history, key)
		}
		return err
	}))
	known, err := f.Keys()
	require.NoError(t, err)
	require.Equal(t, known, history)
}

func reopened(t *testing.T, l *factlog.Log, folder string) *factlog.Log {
	t.Helper()
	require.NoError(t, l.Close())
	return open(t, folder, options())
}

func TestALogThatIsNotWhatWasSignedIsNotContinued(t *testing.T) {
	for name, touch := range map[string]func(t *testing.T, folder string){
		"lines removed": func(t *testing.T, folder string) {
			require.NoError(t, os.Truncate(filepath.Join(folder, "lines", fmt.Sprintf("%020d.jsonl", 0)), 1000))
		},
		"all lines removed": func(t *testing.T, folder string) {
			require.NoError(t, os.Remove(filepath.Join(folder, "lines", fmt.Sprintf("%020d.jsonl", 0))))
		},
		"key removed":    func(t *testing.T, folder string) { require.NoError(t, os.Remove(filepath.Join(folder, "key"))) },
		"hashes removed": func(t *testing.T, folder string) { require.NoError(t, os.RemoveAll(filepath.Join(folder, "hashes"))) },
		"checkpoint of another": func(t *testing.T, folder string) {
			other := t.TempDir()
			require.NoError(t, open(t, other, options()).Close())
			text, err := os.ReadFile(filepath.Join(other, "checkpoint"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(folder, "checkpoint"), text, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "facts")
			l := open(t, folder, options())
			_, err := l.Append(facts(100))
			require.NoError(t, err)
			origin := l.Origin()
			require.NoError(t, l.Close())
			touch(t, folder)
			before := snapshot(t, folder)
			_, err = factlog.Open(folder, options())
			require.ErrorIs(t, err, factlog.ErrDamaged)
			after := snapshot(t, folder)
			require.Equal(t, before, after)

			l, damage, err := factlog.OpenOrReplace(folder, options())
			require.NoError(t, err)
			require.ErrorIs(t, damage, factlog.ErrDamaged)
			require.NotEqual(t, origin, l.Origin())
			require.NoError(t, l.Close())
			lines, err := factlog.Folder(folder).Read(0, 1)
			require.NoError(t, err)
			r, err := fact.Decode(lines[0])
			require.NoError(t, err)
			require.Equal(t, fact.LogStarted, r.Kind)
			require.True(t, r.Warning)
			require.Contains(t, r.Details["before"], origin)
			require.Equal(t, before, snapshot(t, folder+".damaged-1"))
		})
	}
}

var errStop = errors.New("stop")

func TestReadingStopsWhereTheReaderStops(t *testing.T) {
	folder := t.TempDir()
	l := open(t, folder, options())
	_, err := l.Append(facts(10))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	n := 0
	require.ErrorIs(t, factlog.Folder(folder).Lines(3, func(int64, []byte) error { n++; return errStop }), errStop)
	require.Equal(t, 1, n)
}

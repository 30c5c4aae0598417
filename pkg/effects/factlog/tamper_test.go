package factlog_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// The node's root can write every file. Each way of it is found: most on the node itself, a log that is signed again as a whole by a
// checkpoint that was kept elsewhere.
func TestEachTamperingIsFound(t *testing.T) {
	original := t.TempDir()
	l := open(t, original, options())
	for range 6 {
		_, err := l.Append(facts(100))
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
	files := snapshot(t, original)
	keys, err := factlog.Folder(original).Keys()
	require.NoError(t, err)
	kept := files["checkpoint"]
	segment := filepath.Join("lines", fmt.Sprintf("%020d.jsonl", 0))
	lines := func(change func([][]byte) [][]byte) map[string][]byte {
		all := change(bytes.SplitAfter(files[segment], []byte("\n")))
		return map[string][]byte{segment: bytes.Join(all, nil)}
	}
	forged := func(index int64) []byte {
		line, err := fact.Encode(index, fact.Fact{Time: time.Now(), Kind: "Test", Message: "nothing happened"})
		require.NoError(t, err)
		return append(line, '\n')
	}
	for name, c := range map[string]struct {
		reason string
		index  int64
		files  map[string][]byte
	}{
		"a byte of a line altered": {translog.Altered, 5, lines(func(l [][]byte) [][]byte {
			l[5] = bytes.Replace(l[5], []byte("message"), []byte("Message"), 1)
			return l
		})},
		"a line altered, with its checksum": {translog.Altered, 5, lines(func(l [][]byte) [][]byte { l[5] = forged(5); return l })},
		"a line removed":                    {translog.Reordered, 5, lines(func(l [][]byte) [][]byte { return append(l[:5:5], l[6:]...) })},
		"the last lines removed":            {translog.Removed, 300, lines(func(l [][]byte) [][]byte { return l[:300] })},
		"a line inserted":                   {translog.Reordered, 6, lines(func(l [][]byte) [][]byte { return append(append(l[:5:5], forged(5)), l[5:]...) })},
		"two lines swapped":                 {translog.Reordered, 5, lines(func(l [][]byte) [][]byte { l[5], l[6] = l[6], l[5]; return l })},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			restore(t, folder, files)
			restore(t, folder, c.files)
			flaws := audit(t, factlog.Folder(folder), keys...)
			require.NotEmpty(t, flaws)
			var found bool
			for _, f := range flaws {
				found = found || f.Reason == c.reason && f.Index == c.index
			}
			require.True(t, found, "%v", flaws)
		})
	}
	t.Run("a hash altered", func(t *testing.T) {
		for _, name := range []string{"0", "1"} {
			folder := t.TempDir()
			restore(t, folder, files)
			path := filepath.Join("hashes", name, "000000000000")
			touched := bytes.Clone(files[path])
			touched[40] ^= 1
			restore(t, folder, map[string][]byte{path: touched})
			require.NotEmpty(t, audit(t, factlog.Folder(folder), keys...))
		}
	})
	t.Run("the whole log written again, and signed by the node's key", func(t *testing.T) {
		folder := t.TempDir()
		l := open(t, folder, options())
		require.NoError(t, l.Close())
		for _, name := range []string{"key", "keys"} {
			restore(t, folder, map[string][]byte{name: files[name]})
		}
		require.NoError(t, os.RemoveAll(filepath.Join(folder, "lines")))
		require.NoError(t, os.RemoveAll(filepath.Join(folder, "hashes")))
		require.NoError(t, os.Remove(filepath.Join(folder, "checkpoint")))
		l = open(t, folder, options())
		_, err := l.Append(facts(900))
		require.NoError(t, err)
		require.NoError(t, l.Close())
		f := factlog.Folder(folder)
		require.Empty(t, audit(t, f, keys...), "the node alone cannot know")
		a, _, err := f.Audit(keys, kept)
		require.NoError(t, err)
		require.Equal(t, translog.Rewritten, a.Flaws[0].Reason)
	})
	t.Run("the checkpoint signed by another key", func(t *testing.T) {
		folder := t.TempDir()
		require.NoError(t, open(t, folder, options()).Close())
		require.Equal(t, translog.Resigned, audit(t, factlog.Folder(folder), keys...)[0].Reason)
	})
	t.Run("nothing", func(t *testing.T) {
		a, _, err := factlog.Folder(original).Audit(keys, kept)
		require.NoError(t, err)
		require.Empty(t, a.Flaws)
	})
}

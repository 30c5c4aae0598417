package facts_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/programs/facts"
)

// The record of requests is a store of its own. Its hashes are in the log, so that each change is found.
func TestARequestThatIsChangedInTheRecordIsFound(t *testing.T) {
	folder, requests := filepath.Join(t.TempDir(), "facts"), t.TempDir()
	limits := recordfile.Limits{Total: 1 << 20, Segment: 4 << 10}
	write := func(n int, report func(recordfile.Digest)) *recordfile.File {
		f, err := recordfile.Open(filepath.Join(requests, "pharma"), limits)
		require.NoError(t, err)
		for i := range n {
			require.NoError(t, f.Append([]record.Entry{{Time: "2026-01-02T03:04:05Z", Source: record.Source{Guest: "pharma", Pod: "p"}, Text: fmt.Sprintf("GET /patients/%d", i)}}))
			if i%7 == 0 {
				for _, d := range f.Digests() {
					report(d)
				}
			}
		}
		return f
	}
	e, stop := run(t, config(folder))
	f := write(100, func(d recordfile.Digest) { e.Recorded("pharma", d) })
	require.NoError(t, f.Close()) // killed: what was written since the last digest is not in the log
	f = write(0, nil)
	for _, d := range f.Digests() {
		e.Recorded("pharma", d)
	}
	require.NoError(t, f.Close())
	stop()

	v, err := facts.Verify(folder, nil, nil, requests)
	require.NoError(t, err)
	require.Empty(t, v.Flaws)
	require.Greater(t, v.Parts, 10)
	segments, err := filepath.Glob(filepath.Join(requests, "pharma", "*"))
	require.NoError(t, err)
	require.Greater(t, len(segments), 2)
	for _, segment := range segments {
		text, err := os.ReadFile(segment)
		require.NoError(t, err)
		for line := range bytes.Lines(text) {
			changed := bytes.Replace(text, line, bytes.Replace(line, []byte("GET"), []byte("PUT"), 1), 1)
			if bytes.Equal(changed, text) {
				continue // positions
			}
			require.NoError(t, os.WriteFile(segment, changed, 0o600))
			v, err := facts.Verify(folder, nil, nil, requests)
			require.NoError(t, err)
			require.NotEmpty(t, v.Flaws, "%s: %s", segment, line)
			require.Equal(t, translog.Altered, v.Flaws[0].Reason)
		}
		require.NoError(t, os.WriteFile(segment, text[:len(text)-10], 0o600))
		v, err := facts.Verify(folder, nil, nil, requests)
		require.NoError(t, err)
		require.NotEmpty(t, v.Flaws, "cut")
		require.NoError(t, os.Remove(segment)) // as when the record is full
	}
	v, err = facts.Verify(folder, nil, nil, requests)
	require.NoError(t, err)
	require.Empty(t, v.Flaws)
}

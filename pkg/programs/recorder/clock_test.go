package recorder_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/programs/recorder"
)

// The clock is set while a pod's proxy writes, and an agent is killed: each line is in the record once, in its order.
func TestEachLineIsCopiedOnceWhateverTheClockShows(t *testing.T) {
	n := newNode(t)
	n.limits.Total = 16 << 20
	s := n.source("g", "p")
	n.clock = time.Now()
	r, count := n.start(), 0
	for _, set := range []time.Duration{-time.Hour, 365 * 24 * time.Hour, -365 * 24 * time.Hour, -time.Since(time.Unix(0, 0)), time.Since(time.Unix(0, 0)), 0} {
		n.clock = n.clock.Add(set)
		n.write(s, count, count+500)
		count += 500
		rotated, err := filepath.Glob(filepath.Join(n.dir(s), "0.log.*"))
		require.NoError(t, err)
		for _, path := range rotated { // the kubelet compresses it before it rotates the next one
			require.NoError(t, os.Remove(path))
		}
		require.NoError(t, os.Rename(filepath.Join(n.dir(s), "0.log"), filepath.Join(n.dir(s), "0.log."+n.clock.Format("20060102-150405"))))
		n.write(s, count, count+500)
		count += 500
		n.poll(r, 8)
		if set < 0 {
			r = n.start() // the one before was killed
		}
	}
	require.Equal(t, paths(count), n.read("g"))
}

// The clock goes back within a segment, before which another one follows: a search by time finds what was written before.
func TestALineIsFoundByItsTimeAfterTheClockWasSetBack(t *testing.T) {
	for _, again := range []bool{false, true} {
		root := t.TempDir()
		folder := filepath.Join(root, "g")
		open := func() *recordfile.File {
			f, err := recordfile.Open(folder, recordfile.Limits{Total: 1 << 20, Segment: 16 << 10})
			require.NoError(t, err)
			return f
		}
		f, now := open(), time.Now()
		source := record.Source{Guest: "g", Namespace: "ns", Pod: "p", UID: "u", Container: "proxy"}
		for i := range 200 {
			at := now
			if i == 10 {
				at = now.Add(2 * time.Hour) // and back
			}
			text := fmt.Sprintf(`{"event":"DownstreamEnd","method":"GET","path":"/%d","padding":"%s"}`, i, strings.Repeat("x", 200))
			require.NoError(t, f.Append([]record.Entry{record.Line(source, record.Position{File: "0", Offset: int64(i)},
				record.Piece{Time: at.UTC().Format(time.RFC3339Nano), Stream: "stdout", Content: []byte(text)}, 0)}))
			if again && i == 20 {
				require.NoError(t, f.Close())
				f = open()
			}
		}
		require.NoError(t, f.Close())
		segments, err := recordfile.Segments(folder)
		require.NoError(t, err)
		require.Greater(t, len(segments), 2)
		var out bytes.Buffer
		require.NoError(t, recorder.Print(&out, root, recorder.Query{Since: now.Add(time.Hour), JSON: true}))
		require.Contains(t, out.String(), `"path":"/10"`)
		require.Equal(t, 1, strings.Count(out.String(), "\n"))
	}
}

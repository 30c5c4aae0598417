package recorder_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/logfollow"
	"data-space.liqo.io/pkg/programs/recorder"
)

// The pods of one guest write more than the node copies; what another guest's pod writes is copied all the same.
func TestAGuestWithManyLoudPodsTakesNothingOfAnothers(t *testing.T) {
	n := newNode(t)
	n.limits.Total, n.limits.Segment = 16<<20, 1<<20
	for i := range 20 {
		n.write(n.source("loud", fmt.Sprint("p", i)), 0, 10_000) // some 900 KB
	}
	quiet := n.source("quiet", "q")
	r, err := recorder.New(recorder.Config{
		Logs: n.logs, Folder: n.folder, Limits: n.limits, Log: slog.New(slog.DiscardHandler), Node: 40 << 10, Removed: 1 << 30,
		Source:  logfollow.Limits{Rate: 1 << 20, Burst: 1 << 20, Lag: 128 << 10},
		Sources: func() []record.Source { return n.sources },
	})
	require.NoError(t, err)
	const rounds, lines = 60, 100 // some 9 KB a second
	for i := range rounds {
		n.write(quiet, i*lines, (i+1)*lines)
		n.poll(r, 1)
	}
	require.Equal(t, paths(rounds*lines), n.read("quiet"))
	require.Contains(t, n.text("loud"), record.ReasonRate)
}

// A guest makes and removes pods faster than their logs are copied: the files, which are gone from their folders, do not fill the disk.
func TestLogsOfRemovedPodsTakeABoundedPartOfTheDisk(t *testing.T) {
	n := newNode(t)
	const bound, pods = 1 << 20, 40
	other := n.source("other", "q")
	r, err := recorder.New(recorder.Config{
		Logs: n.logs, Folder: n.folder, Limits: n.limits, Log: slog.New(slog.DiscardHandler), Node: 1 << 10, Removed: bound,
		Source:  logfollow.Limits{Rate: 1 << 20, Burst: 1 << 20, Lag: 4 << 20},
		Sources: func() []record.Source { return n.sources },
	})
	require.NoError(t, err)
	var size int64
	for i := range pods {
		s := n.source("churn", fmt.Sprint("p", i))
		n.write(s, 0, 2000)
		info, err := os.Stat(filepath.Join(n.dir(s), "0.log"))
		require.NoError(t, err)
		size = info.Size()
		n.poll(r, 1)
		n.sources = n.sources[:1]
		require.NoError(t, os.RemoveAll(filepath.Dir(n.dir(s))))
		n.poll(r, 1)
		require.LessOrEqual(t, n.removed(), bound+4*size, "a log that was skipped is closed two seconds later")
	}
	require.Greater(t, pods*size, int64(4*bound), "without a bound they would exceed it")
	require.Contains(t, n.text("churn"), record.ReasonRate, "what was skipped is recorded")
	n.write(other, 0, 3)
	n.clock = n.clock.Add(time.Minute)
	n.poll(r, 3)
	require.Equal(t, paths(3), n.read("other"))
}

// text returns a guest's record as people read it.
func (n *node) text(guest string) string {
	n.t.Helper()
	var out strings.Builder
	require.NoError(n.t, recorder.Print(&out, n.folder, recorder.Query{Guest: guest}))
	return out.String()
}

// removed returns how many bytes the files take that this process has open and that are in no folder any more.
func (n *node) removed() (bytes int64) {
	n.t.Helper()
	listed, err := os.ReadDir("/proc/self/fd")
	require.NoError(n.t, err)
	for _, entry := range listed {
		fd := "/proc/self/fd/" + entry.Name()
		target, err := os.Readlink(fd)
		if err != nil || !strings.HasPrefix(target, n.logs) || !strings.HasSuffix(target, " (deleted)") {
			continue
		}
		if info, err := os.Stat(fd); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

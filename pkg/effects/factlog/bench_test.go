//go:build bench

package factlog_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
)

// What an append costs, 2,000 facts a second, and a proof out of many lines, against the bars of docs/facts.md. The time of an append is beside
// a bare append and fdatasync on the same disk.
func TestWhatTheLogCosts(t *testing.T) {
	folder := os.Getenv("FACTLOG_BENCH_FOLDER") // a disk: the system's temporary folder may be memory
	if folder == "" {
		folder = t.TempDir()
	}
	l := appendOne(t, folder)

	// 2,000 facts a second for ten seconds, written as they come: groups of what came within 5 ms.
	group, cpu := facts(10), cpuTime(t)
	began, n := time.Now(), 0
	for time.Since(began) < 10*time.Second {
		_, err := l.Append(group)
		require.NoError(t, err)
		n += len(group)
		time.Sleep(time.Until(began.Add(time.Duration(n) * time.Second / 2000)))
	}
	used := cpuTime(t) - cpu
	t.Logf("%d facts in %v: %.1f %% of a core per 1,000 facts a second", n, time.Since(began).Round(time.Millisecond),
		100*used.Seconds()/time.Since(began).Seconds()*1000/(float64(n)/time.Since(began).Seconds()))

	const many = 10_000_000
	group = facts(5000)
	for {
		if lines, _ := l.Size(); lines >= many {
			break
		}
		_, err := l.Append(group)
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
	var took []time.Duration
	f := factlog.Folder(filepath.Join(folder, "facts"))
	segments, err := f.Segments()
	require.NoError(t, err)
	var longest int
	for i := range int64(200) {
		index := segments[0].First + i*(many-segments[0].First)/200
		began := time.Now()
		p, err := f.Prove(index)
		require.NoError(t, err)
		took = append(took, time.Since(began))
		longest = max(longest, len(p.Text()))
	}
	slices.Sort(took)
	t.Logf("proof out of %d lines, of which %d are left: median %v, p99 %v, at most %d bytes", many, many-segments[0].First, took[100], took[197], longest)
	began = time.Now()
	a, _, err := f.Audit(nil)
	require.NoError(t, err)
	require.Empty(t, a.Flaws)
	t.Logf("audit of the %d lines that are left: %v", a.Lines, time.Since(began).Round(time.Millisecond))
	began = time.Now()
	l, err = factlog.Open(string(f), factlog.Options{Node: "node-1", Total: 256 << 20, Segment: 8 << 20, Age: 24 * time.Hour})
	require.NoError(t, err)
	t.Logf("opening it: %v; %d bytes on the disk", time.Since(began).Round(time.Millisecond), sizeOf(t, string(f)))
	require.NoError(t, l.Close())
}

// TestWhatTheLogCostsWithoutADisk measures an append in a folder of memory: what the log adds to its disk.
func TestWhatTheLogCostsWithoutADisk(t *testing.T) {
	folder, err := os.MkdirTemp("/dev/shm", "facts")
	require.NoError(t, err)
	defer os.RemoveAll(folder)
	require.NoError(t, appendOne(t, folder).Close())
}

// appendOne begins a log in a folder and measures appends of one fact.
func appendOne(t *testing.T, folder string) *factlog.Log {
	t.Helper()
	l, err := factlog.Open(filepath.Join(folder, "facts"), factlog.Options{Node: "node-1", Total: 256 << 20, Segment: 8 << 20, Age: 24 * time.Hour})
	require.NoError(t, err)
	floor := floorOf(t, filepath.Join(folder, "floor"))
	var took []time.Duration
	one := facts(1)
	for range 1000 {
		began := time.Now()
		_, err := l.Append(one)
		require.NoError(t, err)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("append of one fact: median %v, p99 %v; bare append and fdatasync: median %v, p99 %v", took[500], took[989], floor[500], floor[989])
	return l
}

// floorOf is what an append of as many bytes costs without a log.
func floorOf(t *testing.T, path string) []time.Duration {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer os.Remove(path)
	defer f.Close()
	var took []time.Duration
	text := make([]byte, 200)
	for range 1000 {
		began := time.Now()
		_, err := f.Write(text)
		require.NoError(t, err)
		require.NoError(t, syscall.Fdatasync(int(f.Fd())))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func sizeOf(t *testing.T, folder string) (total int64) {
	t.Helper()
	for _, text := range snapshot(t, folder) {
		total += int64(len(text))
	}
	return total
}

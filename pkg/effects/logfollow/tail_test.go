package logfollow_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/logfollow"
)

// pod is a container's log folder as the kubelet lays it out.
type pod struct {
	t      *testing.T
	root   string
	source record.Source
	clock  time.Time
	tail   *logfollow.Tail
	got    []record.Entry
	n      int
}

func newPod(t *testing.T) *pod {
	t.Helper()
	p := &pod{t: t, root: t.TempDir(), clock: time.Unix(0, 0), source: record.Source{
		Guest: "g", Namespace: "ns", Pod: "p", UID: "u", Container: "proxy",
	}}
	require.NoError(t, os.MkdirAll(p.folder(), 0o750))
	p.follow(nil)
	return p
}

func (p *pod) folder() string { return filepath.Join(p.root, "ns_p_u", "proxy") }

func (p *pod) follow(from *record.Position) {
	p.tail = logfollow.New(p.root, p.source, from, logfollow.Limits{Rate: 1 << 20, Burst: 1 << 20, Lag: 4 << 20})
}

// write has the container write n lines to a file.
func (p *pod) write(name string, n int) {
	p.t.Helper()
	f, err := os.OpenFile(filepath.Join(p.folder(), name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	require.NoError(p.t, err)
	w := bufio.NewWriter(f)
	for range n {
		p.n++
		fmt.Fprintf(w, "2026-01-02T03:04:05Z stdout F {\"n\":%d}\n", p.n)
	}
	require.NoError(p.t, w.Flush())
	require.NoError(p.t, f.Close())
}

func (p *pod) move(from, to string) {
	p.t.Helper()
	require.NoError(p.t, os.Rename(filepath.Join(p.folder(), from), filepath.Join(p.folder(), to)))
}

// poll lets a second pass.
func (p *pod) poll() []record.Entry {
	p.clock = p.clock.Add(time.Second)
	got := p.tail.Poll(p.clock, 1<<30, 1<<30)
	p.got = append(p.got, got...)
	return got
}

// complete requires that each line was copied once, in order, and nothing else.
func (p *pod) complete() {
	p.t.Helper()
	n := 0
	for _, e := range p.got {
		require.Nil(p.t, e.Gap, "%+v", e)
		if e.Ended {
			continue
		}
		n++
		require.JSONEq(p.t, fmt.Sprintf(`{"n":%d}`, n), string(e.Log))
	}
	require.Equal(p.t, p.n, n)
}

func TestLinesAreCopiedThroughRotationRestartsAndRemoval(t *testing.T) {
	p := newPod(t)
	p.write("0.log", 10)
	p.poll()
	p.write("0.log", 10)
	p.move("0.log", "0.log.20260102-030405")
	p.write("0.log.20260102-030405", 5) // the runtime has not reopened the file yet
	p.poll()
	p.write("0.log", 10)
	p.write("0.log.20260102-030405", 0)
	p.poll()
	p.write("1.log", 10) // restarted; and the kubelet removes what it has no use for
	p.poll()
	require.NoError(t, os.Remove(filepath.Join(p.folder(), "0.log")))
	for range 5 {
		p.poll()
	}
	p.complete()
	require.False(t, p.tail.Ended())
	p.write("1.log", 10)
	require.NoError(t, os.RemoveAll(filepath.Dir(p.folder())))
	for range 5 {
		p.poll()
	}
	require.True(t, p.tail.Ended())
	p.complete()
}

func TestWhatIsWrittenWhileNoAgentRunsIsCopiedByTheNext(t *testing.T) {
	p := newPod(t)
	p.write("0.log", 10)
	p.poll()
	at := p.got[len(p.got)-1].Position
	p.tail.Close()
	p.write("0.log", 10)
	p.move("0.log", "0.log.20260102-030405")
	p.write("0.log", 10)
	p.write("1.log", 10)
	p.follow(&at)
	p.poll()
	p.complete()
}

func TestWhatWasRemovedWhileNoAgentRanIsAGap(t *testing.T) {
	p := newPod(t)
	p.write("0.log", 10)
	p.poll()
	at := p.got[len(p.got)-1].Position
	require.NoError(t, os.RemoveAll(filepath.Dir(p.folder())))
	p.follow(&at)
	got := p.poll()
	require.Len(t, got, 2)
	require.Equal(t, record.ReasonGone, got[0].Gap.Reason)
	require.True(t, got[1].Ended)
}

func TestAFloodIsBoundedAndWhatIsSkippedIsCounted(t *testing.T) {
	p := newPod(t)
	p.write("0.log", 400_000) // some 18 MB
	info, err := os.Stat(filepath.Join(p.folder(), "0.log"))
	require.NoError(t, err)
	var copied, skipped int64
	for range 30 {
		var now int64
		for _, e := range p.poll() {
			if e.Gap != nil {
				require.Equal(t, record.ReasonRate, e.Gap.Reason)
				skipped += e.Gap.Bytes
				continue
			}
			now += int64(len("2026-01-02T03:04:05Z stdout F \n") + len(e.Log) + len(e.Text))
		}
		require.LessOrEqual(t, now, int64(1<<20+256<<10), "of one second")
		copied += now
	}
	require.Positive(t, skipped)
	require.InDelta(t, info.Size(), copied+skipped, 200, "what is not copied is counted")
}

// A file that the kubelet has rotated and removed takes room on the node's disk for as long as it is held open.
func TestAFloodThroughRotationsHoldsNoMoreThanTheLagOpen(t *testing.T) {
	p := newPod(t)
	var copied, skipped, written int64
	for range 20 {
		p.write("0.log", 150_000) // some 7 MB, more than waits; 1 MB of it is copied until the next rotation
		p.poll()
		info, err := os.Stat(filepath.Join(p.folder(), "0.log"))
		require.NoError(t, err)
		written += info.Size()
		p.move("0.log", "0.log.20260102-030405")
		require.NoError(t, os.Remove(filepath.Join(p.folder(), "0.log.20260102-030405")))
		require.LessOrEqual(t, p.heldOpen(), 5, "a file that is at its end is kept for two seconds more")
	}
	p.write("0.log", 1)
	for range 10 {
		p.poll()
	}
	for _, e := range p.got {
		if e.Gap != nil {
			require.Equal(t, record.ReasonRate, e.Gap.Reason)
			skipped += e.Gap.Bytes
			continue
		}
		copied += int64(len("2026-01-02T03:04:05Z stdout F \n") + len(e.Log) + len(e.Text))
	}
	require.InDelta(t, written, copied+skipped, 100*20, "what is not copied is counted")
	require.Contains(t, string(p.got[len(p.got)-1].Log), fmt.Sprint(p.n), "the newest line is there")
}

// heldOpen counts the files of this process that are removed.
func (p *pod) heldOpen() (n int) {
	p.t.Helper()
	listed, err := os.ReadDir("/proc/self/fd")
	require.NoError(p.t, err)
	for _, entry := range listed {
		if target, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && strings.HasPrefix(target, p.root) && strings.HasSuffix(target, " (deleted)") {
			n++
		}
	}
	return n
}

func TestLongAndBrokenAndPartialLinesAreOneEntryEach(t *testing.T) {
	p := newPod(t)
	long := strings.Repeat("x", 3*record.MaxLine)
	text := "no CRI\n" + "t stdout P ab\nt stderr F other\nt stdout F cd\n" + "t stdout P " + long + "\nt stdout F " + long + "\n" +
		"t stdout F {\"a\":\"\x1b[2J\"}\n" + "t stdout F last"
	require.NoError(t, os.WriteFile(filepath.Join(p.folder(), "0.log"), []byte(text), 0o600))
	got := p.poll()
	require.Len(t, got, 5)
	require.Equal(t, "no CRI", got[0].Text)
	require.Equal(t, "other", got[1].Text)
	require.Equal(t, "abcd", got[2].Text)
	require.Len(t, got[3].Text, record.MaxLine)
	require.EqualValues(t, 5*record.MaxLine, got[3].Cut)
	require.Contains(t, got[4].Text, "\x1b[2J", "no JSON: kept as text")
	line, err := got[4].Encode()
	require.NoError(t, err)
	require.True(t, json.Valid(line))
	require.NotContains(t, string(line), "\x1b")
	require.NoError(t, os.RemoveAll(filepath.Dir(p.folder())))
	for range 5 {
		got = append(got, p.poll()...)
	}
	require.Equal(t, "last", got[5].Text, "what was never ended")
}

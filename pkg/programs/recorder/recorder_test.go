package recorder_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/logfollow"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/programs/recorder"
)

// node is a node's log folder and the record.
type node struct {
	t            *testing.T
	logs, folder string
	sources      []record.Source
	limits       recordfile.Limits
	clock        time.Time
}

func newNode(t *testing.T) *node {
	t.Helper()
	dir := t.TempDir()
	return &node{
		t: t, logs: filepath.Join(dir, "pods"), folder: filepath.Join(dir, "record"), clock: time.Unix(0, 0),
		limits: recordfile.Limits{Total: 1 << 20, Segment: 64 << 10},
	}
}

func (n *node) source(guest, pod string) record.Source {
	s := record.Source{Guest: guest, Namespace: "ns", Pod: pod, UID: "u", Container: "proxy"}
	n.sources = append(n.sources, s)
	require.NoError(n.t, os.MkdirAll(n.dir(s), 0o750))
	return s
}

func (n *node) dir(s record.Source) string {
	return filepath.Join(n.logs, s.Namespace+"_"+s.Pod+"_"+s.UID, s.Container)
}

func (n *node) write(s record.Source, from, to int) {
	n.t.Helper()
	f, err := os.OpenFile(filepath.Join(n.dir(s), "0.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	require.NoError(n.t, err)
	for i := from; i < to; i++ {
		fmt.Fprintf(f, "2026-01-02T03:04:05Z stdout F {\"method\":\"GET\",\"path\":\"/%d\",\"event\":\"DownstreamEnd\"}\n", i)
	}
	require.NoError(n.t, f.Close())
}

func (n *node) start() *recorder.Recorder {
	n.t.Helper()
	r, err := recorder.New(recorder.Config{
		Logs: n.logs, Folder: n.folder, Limits: n.limits, Log: slog.New(slog.DiscardHandler), Node: 1 << 30, Removed: 1 << 30,
		Source:  logfollow.Limits{Rate: 1 << 20, Burst: 1 << 20, Lag: 4 << 20},
		Sources: func() []record.Source { return n.sources },
	})
	require.NoError(n.t, err)
	return r
}

func (n *node) poll(r *recorder.Recorder, times int) {
	for range times {
		n.clock = n.clock.Add(time.Second)
		r.Poll(n.clock)
	}
}

// read returns the paths in a guest's record, the gaps' reasons among them.
func (n *node) read(guest string) []string {
	n.t.Helper()
	var out bytes.Buffer
	require.NoError(n.t, recorder.Print(&out, n.folder, recorder.Query{Guest: guest, JSON: true}))
	var all []string
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var e record.Entry
		require.NoError(n.t, json.Unmarshal(lines.Bytes(), &e), lines.Text())
		var l struct{ Path string }
		switch {
		case e.Gap != nil:
			all = append(all, e.Gap.Reason)
		case e.Ended:
			all = append(all, "ended")
		default:
			require.NoError(n.t, json.Unmarshal(e.Log, &l))
			all = append(all, l.Path)
		}
	}
	return all
}

func paths(count int) []string {
	var all []string
	for i := range count {
		all = append(all, fmt.Sprintf("/%d", i))
	}
	return all
}

func TestAnAgentThatIsKilledLosesNothingAndRepeatsNothing(t *testing.T) {
	n := newNode(t)
	s := n.source("g", "p")
	count := 0
	for round := range 20 {
		r := n.start() // the one before was not closed: killed
		n.write(s, count, count+50)
		count += 50
		n.poll(r, 1)
		segments, err := recordfile.Segments(filepath.Join(n.folder, "g"))
		require.NoError(t, err)
		newest := segments[len(segments)-1]
		// Killed while it wrote: at any byte of what it wrote last.
		require.NoError(t, os.Truncate(filepath.Join(n.folder, "g", newest.Name), max(0, newest.Size-int64(round*137))))
	}
	n.poll(n.start(), 1)
	require.Equal(t, paths(count), n.read("g"))
}

func TestEachGuestsRecordIsBoundedAndItsOldestPartGoesFirst(t *testing.T) {
	n := newNode(t)
	n.limits = recordfile.Limits{Total: 256 << 10, Segment: 32 << 10}
	loud, quiet := n.source("loud", "p"), n.source("quiet", "q")
	n.write(quiet, 0, 3)
	r := n.start()
	const count = 5000
	for i := range 50 {
		n.write(loud, i*count/50, (i+1)*count/50)
		n.poll(r, 1)
	}
	segments, err := recordfile.Segments(filepath.Join(n.folder, "loud"))
	require.NoError(t, err)
	var total int64
	for _, s := range segments {
		total += s.Size
	}
	require.LessOrEqual(t, total, n.limits.Total)
	got := n.read("loud")
	require.Contains(t, got, record.ReasonFull)
	require.Equal(t, fmt.Sprintf("/%d", count-1), got[len(got)-1])
	require.NotContains(t, got, "/0")
	require.Equal(t, paths(3), n.read("quiet"), "one guest takes nothing of another's")
	n.poll(n.start(), 2)
	require.Equal(t, paths(3), n.read("quiet"))
}

func TestWhatEndedStaysInTheRecordAndIsNotFollowedAnyMore(t *testing.T) {
	n := newNode(t)
	s := n.source("g", "p")
	n.write(s, 0, 5)
	r := n.start()
	n.poll(r, 1)
	n.sources = nil
	require.NoError(t, os.RemoveAll(n.dir(s)))
	n.poll(r, 5)
	want := append(paths(5), "ended")
	require.Equal(t, want, n.read("g"))
	n.poll(n.start(), 2)
	require.Equal(t, want, n.read("g"))
}

func TestAFullDiskIsCaughtUpWithLater(t *testing.T) {
	n := newNode(t)
	s := n.source("g", "p")
	r := n.start()
	n.write(s, 0, 5)
	n.poll(r, 1)
	// A record that cannot be written: its folder's name is a file's.
	other := n.source("h", "q")
	require.NoError(t, os.WriteFile(filepath.Join(n.folder, "h"), nil, 0o600))
	n.write(other, 0, 5)
	n.poll(r, 3)
	require.Equal(t, paths(5), n.read("g"))
	require.NoError(t, os.Remove(filepath.Join(n.folder, "h")))
	n.poll(r, 1)
	require.Equal(t, paths(5), n.read("h"))
}

func TestTheTableIsOneLineAnEntryWhateverATenantChose(t *testing.T) {
	n := newNode(t)
	s := n.source("g", "p")
	r := n.start()
	odd, err := json.Marshal(map[string]any{"method": "GET", "path": "/\n\x1b[2J\u2028" + strings.Repeat("x", 1000), "event": "DownstreamEnd", "response_code": 200})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(n.dir(s), "0.log"), []byte("t stdout F "+string(odd)+"\n"), 0o600))
	n.poll(r, 1)
	var out bytes.Buffer
	require.NoError(t, recorder.Print(&out, n.folder, recorder.Query{Pod: "ns/p"}))
	require.Equal(t, 2, strings.Count(out.String(), "\n"))
	require.NotContains(t, out.String(), "\x1b")
	require.Contains(t, out.String(), `GET /\n\x1b[2J`)
	require.Error(t, recorder.Print(&out, n.folder+"/none", recorder.Query{}))
}

// A terminal may take C1 controls for orders: what is printed as JSON is the same in ASCII.
func TestJSONIsPrintedInASCII(t *testing.T) {
	n := newNode(t)
	s := n.source("g", "p")
	r := n.start()
	const odd = "/\u009b2J\u2028\U0001f600\x7f\xff"
	require.NoError(t, os.WriteFile(filepath.Join(n.dir(s), "0.log"), []byte(`t stdout F {"path":"`+odd+`"}`+"\n"), 0o600))
	n.poll(r, 1)
	var out bytes.Buffer
	require.NoError(t, recorder.Print(&out, n.folder, recorder.Query{JSON: true}))
	require.NotRegexp(t, `[^ -~\n]`, out.String())
	require.Equal(t, []string{strings.ToValidUTF8(odd, "\ufffd")}, n.read("g"))
}

// A guest with many pods on the node makes a segment's first line long. Its record, and those of others, can be read.
func TestARecordOfManyPodsCanBeRead(t *testing.T) {
	n := newNode(t)
	var positions record.Entry
	for i := range 4000 {
		positions.Positions = append(positions.Positions, record.Followed{
			Source:   record.Source{Guest: "a", Namespace: "space", Pod: fmt.Sprintf("%s-%d", strings.Repeat("p", 200), i), UID: fmt.Sprint(i), Container: "c"},
			Position: record.Position{File: "0", Inode: 1, Offset: 1},
		})
	}
	segment, err := positions.Encode()
	require.NoError(t, err)
	entry, err := record.Entry{Log: json.RawMessage(`{"path":"/after"}`)}.Encode()
	require.NoError(t, err)
	for _, guest := range []string{"a", "b"} {
		require.NoError(t, os.MkdirAll(filepath.Join(n.folder, guest), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(n.folder, guest, "1.jsonl"), append(segment, entry...), 0o600))
	}
	require.Equal(t, []string{"/after"}, n.read("a"))
	require.Equal(t, []string{"/after"}, n.read("b"))
}

// A poll of many pods at rest is cheap: there are four a second.
func TestManyPodsAtRestCostLittle(t *testing.T) {
	n := newNode(t)
	const pods, polls = 250, 40
	for i := range pods {
		n.write(n.source("g", fmt.Sprintf("p%d", i)), 0, 10)
	}
	r := n.start()
	n.poll(r, 2)
	began := cpu(t)
	for range polls {
		n.clock = n.clock.Add(250 * time.Millisecond)
		r.Poll(n.clock)
	}
	each := (cpu(t) - began) / polls
	t.Logf("%v for a poll of %d pods: %.2f %% of a core", each, pods, 100*each.Seconds()/0.25)
	require.Less(t, each, 25*time.Millisecond)
}

// cpu is how long this process has run: the machine may be busy with others.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func TestAFileBesideTheRecordsIsLeftAlone(t *testing.T) {
	n := newNode(t)
	require.NoError(t, os.MkdirAll(n.folder, 0o700))
	stray := filepath.Join(n.folder, "copy.tar.gz")
	require.NoError(t, os.WriteFile(stray, nil, 0o600))
	s := n.source("pharma", "a")
	n.write(s, 0, 2)
	n.poll(n.start(), 1)
	require.Equal(t, paths(2), n.read("pharma"))
	require.Equal(t, paths(2), n.read(""))
	require.FileExists(t, stray)
}

func TestADamagedRecordOfOneGuestIsNoMatterOfTheOthers(t *testing.T) {
	n := newNode(t)
	damaged := filepath.Join(n.folder, "damaged")
	require.NoError(t, os.MkdirAll(damaged, 0o750))
	require.NoError(t, os.WriteFile(filepath.Join(damaged, "not-a-number.jsonl"), nil, 0o600))
	s := n.source("g", "p")
	n.write(s, 0, 5)
	n.poll(n.start(), 2)
	require.Equal(t, paths(5), n.read("g"))
}

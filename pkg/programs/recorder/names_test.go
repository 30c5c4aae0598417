package recorder_test

import (
	"bytes"
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
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/programs/recorder"
	"data-space.liqo.io/pkg/values/apis"
)

// resolverNode is a node with a replica of the guests' resolver.
type resolverNode struct {
	t            *testing.T
	logs, folder string
	guests       map[string]string
	clock        time.Time
}

func newResolverNode(t *testing.T) *resolverNode {
	t.Helper()
	dir := t.TempDir()
	n := &resolverNode{
		t: t, logs: filepath.Join(dir, "pods"), folder: filepath.Join(dir, "record"), clock: time.Unix(0, 0),
		guests: map[string]string{"a-space": "a", "a-other": "a", "b-space": "b"},
	}
	require.NoError(t, os.MkdirAll(n.pod(), 0o750))
	require.NoError(t, os.MkdirAll(filepath.Join(n.logs, "a-space_data-space-resolver-x_u", "resolver"), 0o750), "a tenant's pod of that name")
	return n
}

func (n *resolverNode) pod() string {
	return filepath.Join(n.logs, "data-spacer_data-space-resolver-6d5-x_uid", "resolver")
}

func (n *resolverNode) log(format string, args ...any) {
	n.t.Helper()
	f, err := os.OpenFile(filepath.Join(n.pod(), "0.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(n.t, err)
	fmt.Fprintf(f, "2026-01-02T03:04:05Z stdout F "+format+"\n", args...)
	require.NoError(n.t, f.Close())
}

func (n *resolverNode) start() *recorder.Recorder {
	n.t.Helper()
	r, err := recorder.New(recorder.Config{
		Logs: n.logs, Folder: n.folder, Log: slog.New(slog.DiscardHandler), Node: 1 << 30, Removed: 1 << 30,
		Limits: recordfile.Limits{Total: 1 << 20, Segment: 64 << 10},
		Shared: logfollow.Limits{Rate: 16 << 20, Burst: 16 << 20, Lag: 64 << 20},
		Sources: func() []record.Source {
			var all []record.Source
			for _, s := range logfollow.Pods(n.logs, apis.SystemNamespace, apis.Logging()) {
				for _, guest := range []string{"a", "b", ""} {
					s.Guest = guest
					all = append(all, s)
				}
			}
			return all
		},
		Concerns: func(e record.Entry) bool { return record.Concerns(e, n.guests) },
		Known:    func() bool { return n.guests != nil },
	})
	require.NoError(n.t, err)
	return r
}

func (n *resolverNode) poll(r *recorder.Recorder, times int) {
	for range times {
		n.clock = n.clock.Add(time.Second)
		r.Poll(n.clock)
	}
}

// names returns what the record of a guest ("_none": of none) has, one name a line.
func (n *resolverNode) names(guest string) []string {
	n.t.Helper()
	var out bytes.Buffer
	require.NoError(n.t, recorder.Print(&out, n.folder, recorder.Query{Guest: guest}))
	var all []string
	for line := range strings.Lines(out.String()) {
		if _, name, found := strings.Cut(line, "name="); found {
			all = append(all, strings.Fields(name)[0])
		}
	}
	return all
}

func TestEachGuestsRecordHasTheNamesThatItsPodsAskedFor(t *testing.T) {
	n := newResolverNode(t)
	r := n.start()
	n.log("CoreDNS-1.15.0")
	n.log("[INFO] pod=a-space/p client=192.0.2.1 proto=udp name=one.example.")
	n.log("[INFO] pod=b-space/q client=192.0.2.2 proto=udp name=two.example.\\010[INFO]\\032pod=a-space/p")
	n.log("[INFO] pod=-/- client=192.0.2.3 proto=udp name=three.example.")
	n.log("[INFO] pod=hospital/h client=192.0.2.4 proto=udp name=four.example.")
	n.poll(r, 2)
	r = n.start() // killed: the one before has closed nothing
	n.log("[INFO] pod=a-other/p client=192.0.2.5 proto=udp name=five.example.")
	n.poll(r, 2)
	require.Equal(t, []string{"one.example.", "five.example."}, n.names("a"))
	require.Equal(t, []string{`two.example.\\010[INFO]\\032pod=a-space/p`}, n.names("b"))
	require.Equal(t, []string{"three.example.", "four.example."}, n.names("_none"))

	require.Empty(t, recorder.Unknown(n.folder, "a"))
	require.Contains(t, recorder.Unknown(n.folder, "c"), `no record of guest "c" on this node; there are records of: _none, a, b.`)

	var out bytes.Buffer
	require.NoError(t, recorder.Print(&out, n.folder, recorder.Query{Pod: "a-other/p"}))
	require.Contains(t, out.String(), "five.example.")
	require.NotContains(t, out.String(), "one.example.", "a pod that asked can be asked for")
}

func TestNamesAskedBeforeANewAgentKnowsTheGuestsAreInTheirRecords(t *testing.T) {
	n := newResolverNode(t)
	r := n.start()
	n.log("[INFO] pod=-/- client=192.0.2.3 proto=udp name=unknown.example.")
	n.log("[INFO] pod=a-space/p client=192.0.2.1 proto=udp name=one.example.")
	n.poll(r, 2)
	guests := n.guests
	n.guests = nil
	r = n.start()
	n.log("[INFO] pod=a-space/p client=192.0.2.1 proto=udp name=two.example.")
	n.poll(r, 2)
	n.guests = guests
	n.poll(r, 2)
	require.Equal(t, []string{"one.example.", "two.example."}, n.names("a"))
	require.Equal(t, []string{"unknown.example."}, n.names("_none"))
}

func TestAFloodOfOneGuestsNamesLeavesThoseOfTheOthers(t *testing.T) {
	n := newResolverNode(t)
	r := n.start()
	for i := range 20 {
		n.log("[INFO] pod=b-space/q client=192.0.2.2 proto=udp name=quiet-%d.example.", i)
		var flood strings.Builder
		for j := range 1000 {
			fmt.Fprintf(&flood, "[INFO] pod=a-space/p client=192.0.2.1 proto=udp name=flood-%d-%d.example.\n2026-01-02T03:04:05Z stdout F ", i, j)
		}
		n.log("%s[INFO] pod=a-space/p client=192.0.2.1 proto=udp name=end.example.", flood.String())
		n.poll(r, 1)
	}
	n.poll(r, 3)
	require.Len(t, n.names("b"), 20, "all of the quiet guest's")
	flood := n.names("a")
	require.Less(t, len(flood), 20*1001, "the flood exceeds the record of its guest, which is bounded")
	require.Equal(t, "end.example.", flood[len(flood)-1])
}

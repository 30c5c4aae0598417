package agent

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	"k8s.io/client-go/util/workqueue"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/programs/startgate"
	"data-space.liqo.io/pkg/reconcilers/podisolation"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/endpoint"
)

var update = flag.Bool("update", false, "write what happens into testdata/life")

// TestTheLifeOfAPod plays the scripts in testdata/life over the real decisions, reconcilers and start gates; only the kernel, the
// runtime and the API server are played. A line at the margin is what happens in the world, the indented lines below it are what the
// agent makes of it. `go test ./pkg/programs/agent -run TestTheLifeOfAPod -update` writes the latter; read the difference before
// it is committed.
func TestTheLifeOfAPod(t *testing.T) {
	files, err := filepath.Glob("testdata/life/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			script, err := txtar.ParseFile(file)
			require.NoError(t, err)
			for i, part := range script.Files {
				script.Files[i].Data = []byte(newLife(t).play(string(part.Data)))
				if !*update {
					require.Equal(t, string(part.Data), string(script.Files[i].Data), "%s: %s", file, part.Name)
				}
			}
			if *update {
				writeFile(t, file, txtar.Format(script))
			}
		})
	}
}

// life is a node with its agent.
type life struct {
	t       *testing.T
	node    *fakeNode
	cluster *fakeCluster
	queue   *fakeQueue
	memory  *ledger.Ledger
	agent   *Agent
	gate    *startgate.Gate
	nri     *startgate.NRI
	shown   map[string]string // what was last shown of each pod
}

func newLife(t *testing.T) *life {
	t.Helper()
	memory, err := ledger.Open(t.TempDir())
	require.NoError(t, err)
	l := &life{t: t, node: newFakeNode(newKernel()), cluster: newFakeCluster(), memory: memory, shown: map[string]string{}}
	l.start()
	return l
}

// start starts an agent, which knows what an earlier one has left on the node.
func (l *life) start() {
	l.t.Helper()
	k, quiet, metrics := l.node.kernel, slog.New(slog.DiscardHandler), NewMetrics()
	rules := podrules.New(redirect.Settings{}, podrules.Parts{
		Dataplane: k, Store: l.memory, Process: l.node.ProcessOf, Open: k.open,
		Prepare: func(*netns.Namespace) ([]string, error) { return nil, nil },
		Mark:    func(sockets.Owner) (sockets.Marked, error) { return sockets.Marked{Ports: redirect.MarkedPorts()}, nil },
	})
	isolation := podisolation.New(podisolation.Parts{
		Runtime: l.node, Wall: links{k}, Open: k.open, OpenAny: k.open,
		UserNamespaced: func(*netns.Namespace) (bool, error) { return false, nil },
	})
	frames := podisolation.NewFrames(podisolation.FrameParts{Filter: links{k}, Open: k.open, OpenAny: k.open})
	l.agent = New(Config{Node: "node", Resync: time.Hour, Verify: time.Hour, Log: quiet, Gated: true}, Parts{
		Runtime: l.node, Cluster: l.cluster, Authority: l.cluster, Reporter: l.cluster, Rules: rules, Metrics: metrics,
		Quarantine: isolation, Conditions: l.cluster, Frames: frames, Cut: func(t endpoint.Target) (int, error) {
			l.cluster.reported = append(l.cluster.reported, "connections of "+t.Endpoint.String()+" end")
			return 0, nil
		},
	})
	l.queue = &fakeQueue{TypedRateLimitingInterface: l.agent.queue, tries: map[string]int{}, later: map[string]bool{}}
	l.agent.queue = l.queue
	var err error
	l.gate, err = startgate.New(startgate.Parts{
		Rules: rules, Binder: rules, Frames: frames, Examiner: isolation, Rounds: l.agent, Cluster: l.cluster, Spaces: l.cluster,
		Chain: chain{}, Reporter: l.cluster, Counters: metrics, Registry: metrics.Registry, Log: quiet,
	}, startgate.Config{File: filepath.Join(l.t.TempDir(), "namespaces")})
	require.NoError(l.t, err)
	l.nri = startgate.NewNRI(l.gate, l.node)
}

type chain struct{}

func (chain) Keep(context.Context) error { return nil }
func (chain) Problem() error             { return nil }

// fakeQueue is the agent's queue without a clock: what is to be done later waits for the script.
type fakeQueue struct {
	workqueue.TypedRateLimitingInterface[string]
	tries map[string]int
	later map[string]bool
}

func (q *fakeQueue) AddAfter(uid string, _ time.Duration) { q.later[uid] = true }
func (q *fakeQueue) AddRateLimited(uid string)            { q.tries[uid]++; q.later[uid] = true }
func (q *fakeQueue) NumRequeues(uid string) int           { return q.tries[uid] }
func (q *fakeQueue) Forget(uid string)                    { delete(q.tries, uid) }

// play plays a script and returns it with what the agent makes of each line.
func (l *life) play(script string) string {
	l.t.Helper()
	var out strings.Builder
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, " ") {
			continue
		}
		out.WriteString(line)
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		command, known := commands()[words[0]]
		require.True(l.t, known, "%s: the commands are %v", line, slices.Sorted(maps.Keys(commands())))
		require.GreaterOrEqual(l.t, len(words), command.words, "%s: words are missing", line)
		if answer := command.run(l, append(words[1:], make([]string, 4)...)); answer != "" {
			fmt.Fprintf(&out, "  %s\n", answer)
		}
		for _, text := range l.news() {
			fmt.Fprintf(&out, "  %s\n", text)
		}
	}
	return out.String()
}

// news is what was reported, and what has changed of pods, since it was last asked for.
func (l *life) news() []string {
	all := l.cluster.reported
	l.cluster.reported = nil
	now := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(l.node.boxes)) {
		box := l.node.boxes[id]
		if l.node.gone[id] {
			continue
		}
		text := l.node.holds(id, box.UID, l.node.proxies(id))
		if l.node.filters[id] {
			text += ", frames filtered"
		}
		if l.node.walls[id] {
			text += ", walled in"
		}
		now[box.Namespace+"/"+box.Name+" in the kernel"] = text
	}
	for _, r := range l.agent.pods.all() {
		text := string(r.state)
		if r.reason != "" {
			text += " (" + r.reason + ")"
		}
		now[r.want.Namespace+"/"+r.want.Name+" in the status"] = text
	}
	for _, of := range slices.Sorted(maps.Keys(now)) {
		if l.shown[of] != now[of] {
			all = append(all, of+": "+now[of])
		}
	}
	for _, of := range slices.Sorted(maps.Keys(l.shown)) {
		if now[of] == "" {
			all = append(all, of+": nothing any more")
		}
	}
	l.shown = now
	return all
}

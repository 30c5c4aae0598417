package agent

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/workload"
)

// stuck is a runtime that answers no question about a process: it waits for its own lock, or for a core.
type stuck struct{ release chan struct{} }

func (s stuck) Process(context.Context, string) (workload.Process, error) {
	<-s.release
	return workload.Process{}, errors.New("late")
}
func (s stuck) ProcessOf(string, int) (workload.Process, error) {
	return workload.Process{}, errors.New("no")
}
func (s stuck) Kill(string, int) error { return nil }

// TestAStartIsAnsweredWithinTheRuntimesPatience: a plugin that answers late is disconnected, and everything starts without it.
func TestAStartIsAnsweredWithinTheRuntimesPatience(t *testing.T) {
	known, err := ledger.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, known.Put(ledger.Entry{Sandbox: "box", Namespace: "pharma", Name: "app", UID: "1", Guest: "g"}))
	release := make(chan struct{})
	defer close(release)
	second := &Second{agent: &Agent{enforcer: &Enforcer{ledger: known}}, processes: stuck{release}}

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	err = second.Starting(ctx, nri.Pod{ID: "box", Namespace: "pharma", Name: "app", Netns: "/n"}, nri.Container{ID: "c", Name: "app"})
	require.ErrorContains(t, err, "could not examine container app of pod pharma/app in time", "what was not examined does not start")
	require.Less(t, time.Since(began), 5*time.Second)
}

// spaces is what the watches hold, without an API server behind them.
type spaces map[string]workload.Namespace

func (s spaces) Space(_ context.Context, name string) (workload.Namespace, bool, error) {
	n, ok := s[name]
	return n, ok, nil
}
func (s spaces) Spaces(context.Context) ([]workload.Namespace, error) { return nil, nil }
func (s spaces) OnSpace(context.Context, func()) error                { return nil }
func (s spaces) Run(context.Context, func()) error                    { return nil }
func (s spaces) Synced() bool                                         { return true }
func (s spaces) Pods(context.Context) ([]workload.Pod, error)         { return nil, nil }
func (s spaces) Namespaces(context.Context) ([]workload.Namespace, error) {
	return nil, nil
}
func (s spaces) Namespace(context.Context, string) (workload.Namespace, bool, error) {
	return workload.Namespace{}, false, errors.New("the API server is away")
}
func (s spaces) Normal(_, _, _, _, _ string)  {}
func (s spaces) Warning(_, _, _, _, _ string) {}
func (s spaces) Problem() string              { return "the API server is away" }

// TestAPodThatCameWhileNoAgentRanDoesNotStartUnexamined: it is not guarded yet, and a late examination is no reason to let it go.
func TestAPodThatCameWhileNoAgentRanDoesNotStartUnexamined(t *testing.T) {
	none, err := ledger.Open(t.TempDir())
	require.NoError(t, err)
	release := make(chan struct{})
	defer close(release)
	known := spaces{"pharma": {Name: "pharma", Labels: map[string]string{apis.LabelRemoteCluster: "pharma-1"}}, "hospital": {Name: "hospital"}}
	a := &Agent{Config: Config{Log: slog.New(slog.DiscardHandler)}, enforcer: &Enforcer{ledger: none}, cluster: known, authority: known, reporter: known,
		quarantine: &Quarantine{Runtime: slow{release: release}}}
	for _, c := range []struct {
		when, namespace string
		annotations     map[string]string
		gated, starts   bool
	}{
		{"a guest's pod", "pharma", nil, true, false},
		{"a guest's pod, without a first gate", "pharma", nil, false, false},
		{"a pod of the Hospital's", "hospital", nil, true, true},
		{"a pod with a guest's mark", "hospital", map[string]string{gate.AnnotationGuest: "pharma-1"}, true, false},
		{"a pod of a namespace that nobody knows", "new", nil, true, false},
		{"the same, without a first gate", "new", nil, false, true},
	} {
		t.Run(c.when, func(t *testing.T) {
			g := &Gate{agent: a, spaces: known}
			if c.gated {
				g.chain = still{}
			}
			second := &Second{gate: g, agent: a, processes: stuck{release}}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := second.Starting(ctx, nri.Pod{ID: "box", Namespace: c.namespace, Name: "app", Netns: "/n", Annotations: c.annotations}, nri.Container{ID: "c", Name: "app", PID: 1})
			if c.starts {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "could not examine container app")
		})
	}
}

// still is a chain that stands.
type still struct{}

func (still) Keep(context.Context) error { return nil }
func (still) Problem() error             { return nil }

// slow is a node whose processes cannot be examined in time.
type slow struct {
	Confiner
	release chan struct{}
}

func (s slow) ConfinementOf(int) (workload.Confinement, error) {
	<-s.release
	return workload.Confinement{}, errors.New("late")
}

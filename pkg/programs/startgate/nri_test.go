package startgate

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/endpoint"
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

// world plays what the gates work with.
type world struct {
	spaces
	guests  map[string]string // of the sandboxes that are guarded
	release chan struct{}     // until it is closed no process can be examined
	silence chan struct{}     // until it is closed the API server does not answer; nil: it answers that it is away
}

func (w world) Namespace(ctx context.Context, name string) (workload.Namespace, bool, error) {
	if w.silence != nil {
		<-w.silence
	}
	return w.spaces.Namespace(ctx, name)
}

func (w world) Start(context.Context, endpoint.Target) (podrules.Outcome, error) {
	return podrules.Outcome{}, errors.New("not asked for")
}
func (w world) Observe(context.Context, endpoint.Target) (podrules.Outcome, error) {
	return podrules.Outcome{}, errors.New("not asked for")
}
func (w world) Starting(string) bool { return false }
func (w world) Guest(box string) (string, bool) {
	guest, guarded := w.guests[box]
	return guest, guarded
}
func (w world) Bind(context.Context, endpoint.Target, string, int) (podrules.Outcome, bool, error) {
	return podrules.Outcome{}, false, errors.New("not asked for")
}
func (w world) Reset([]podrules.Announced)                      {}
func (w world) Ended(string, string)                            {}
func (w world) Proxy(string) (workload.Process, bool)           { return workload.Process{}, false }
func (w world) Failed(string)                                   {}
func (w world) Enforced(time.Duration, podrules.Outcome, error) {}
func (w world) BeforeStart(string, string, int, workload.Process) ([]quarantine.Finding, error) {
	<-w.release
	return nil, errors.New("late")
}

// handler returns the NRI handler of a node, with a first gate or without.
func (w world) handler(t *testing.T, gated bool) *NRI {
	t.Helper()
	p := Parts{Rules: w, Binder: w, Examiner: w, Counters: w, Cluster: w, Spaces: w, Reporter: w, Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler)}
	if gated {
		p.Chain = still{}
	}
	g, err := New(p, Config{File: filepath.Join(t.TempDir(), "namespaces")})
	require.NoError(t, err)
	return NewNRI(g, stuck{w.release})
}

// TestAStartIsAnsweredWithinTheRuntimesPatience: a plugin that answers late is disconnected, and everything starts without it.
func TestAStartIsAnsweredWithinTheRuntimesPatience(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	handler := world{guests: map[string]string{"box": "g"}, release: release}.handler(t, true)

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := handler.Starting(ctx, nri.Pod{ID: "box", Namespace: "pharma", Name: "app", Netns: "/n"}, nri.Container{ID: "c", Name: "app"})
	require.ErrorContains(t, err, "could not examine container app of pod pharma/app in time", "what was not examined does not start")
	require.Less(t, time.Since(began), 30*time.Second)
}

// TestAnAPIServerThatDoesNotAnswerDelaysNoRuntime: the runtime waits under its lock, and would go on without the agent.
func TestAnAPIServerThatDoesNotAnswerDelaysNoRuntime(t *testing.T) {
	silence := make(chan struct{})
	defer close(silence)
	handler := world{silence: silence}.handler(t, true)
	pod := nri.Pod{ID: "box", Namespace: "new", Name: "app", Netns: "/n"}
	for name, call := range map[string]func(context.Context) error{
		"a sandbox": func(ctx context.Context) error { return handler.Made(ctx, pod) },
		"a proxy": func(ctx context.Context) error {
			return handler.Starting(ctx, pod, nri.Container{ID: "c", Name: apis.ProxyContainerName})
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			answered := make(chan error, 1)
			go func() { answered <- call(ctx) }()
			select {
			case err := <-answered:
				require.ErrorContains(t, err, "app", "what is not known to be harmless does not start")
			case <-time.After(30 * time.Second):
				require.Fail(t, "the runtime waits")
			}
		})
	}
}

// spaces is what the watches hold, without an API server behind them.
type spaces map[string]workload.Namespace

func (s spaces) Space(_ context.Context, name string) (workload.Namespace, bool, error) {
	n, ok := s[name]
	return n, ok, nil
}
func (s spaces) Spaces(context.Context) ([]workload.Namespace, error) { return nil, nil }
func (s spaces) OnSpace(context.Context, func()) error                { return nil }
func (s spaces) Synced() bool                                         { return true }
func (s spaces) Namespace(context.Context, string) (workload.Namespace, bool, error) {
	return workload.Namespace{}, false, errors.New("the API server is away")
}
func (s spaces) Warning(_, _, _, _, _ string) {}
func (s spaces) Problem() string              { return "the API server is away" }

// TestAPodThatCameWhileNoAgentRanDoesNotStartUnexamined: it is not guarded yet, and a late examination is no reason to let it go.
func TestAPodThatCameWhileNoAgentRanDoesNotStartUnexamined(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	known := spaces{"pharma": {Name: "pharma", Labels: map[string]string{apis.LabelRemoteCluster: "pharma-1"}}, "hospital": {Name: "hospital"}}
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
			handler := world{spaces: known, release: release}.handler(t, c.gated)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := handler.Starting(ctx, nri.Pod{ID: "box", Namespace: c.namespace, Name: "app", Netns: "/n", Annotations: c.annotations}, nri.Container{ID: "c", Name: "app", PID: 1})
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

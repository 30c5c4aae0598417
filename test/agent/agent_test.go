//go:build kernel

package agent_test

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/decisions/ruleview"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/podhooks"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/startgate"
	"data-space.liqo.io/pkg/reconcilers/podisolation"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// api stands for the API server: what it holds is set by the test, and it may be away.
type api struct {
	mu     sync.Mutex
	away   bool
	cut    bool // nor does it answer single questions
	notify func()
	spaces map[string]map[string]string // labels by name
	pods   []workload.Pod
	events []string // "reason namespace/pod: message"

	conditions map[string]string // by pod: the reason, empty if it is not quarantined
}

func newAPI() *api {
	return &api{spaces: map[string]map[string]string{
		"pharma":   {apis.LabelRemoteCluster: "pharma-1"},
		"hospital": {},
	}}
}

func (a *api) Run(ctx context.Context, notify func()) error {
	a.set(func() { a.notify = notify })
	<-ctx.Done()
	return nil
}

// set changes what it holds and announces that.
func (a *api) set(change func()) {
	a.mu.Lock()
	change()
	notify := a.notify
	a.mu.Unlock()
	if notify != nil {
		notify()
	}
}

func (a *api) Synced() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.away
}

func (a *api) Pods(context.Context) ([]workload.Pod, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away {
		return nil, nil
	}
	return slices.Clone(a.pods), nil
}

func (a *api) Namespaces(context.Context) ([]workload.Namespace, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []workload.Namespace
	for name, labels := range a.spaces {
		if _, guest := labels[apis.LabelRemoteCluster]; guest && !a.away {
			out = append(out, workload.Namespace{Name: name, Labels: labels})
		}
	}
	return out, nil
}

func (a *api) Namespace(_ context.Context, name string) (workload.Namespace, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cut {
		return workload.Namespace{}, false, errors.New("connection refused")
	}
	labels, found := a.spaces[name]
	return workload.Namespace{Name: name, Labels: labels}, found, nil
}

func (a *api) Problem() string {
	if a.Synced() {
		return ""
	}
	return "connection refused"
}

func (a *api) Normal(namespace, name, _, reason, message string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, reason+" "+namespace+"/"+name+": "+message)
}

func (a *api) Warning(namespace, name, uid, reason, message string) {
	a.Normal(namespace, name, uid, reason, message)
}

func (a *api) Quarantined(_, name, _ string, quarantined bool, reason, _ string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conditions == nil {
		a.conditions = map[string]string{}
	}
	if a.conditions[name] = ""; quarantined {
		a.conditions[name] = reason
	}
}

// told returns the Events with that reason.
func (a *api) told(reason string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.events), func(e string) bool { return !strings.HasPrefix(e, reason+" ") })
}

// running is an agent at work.
type running struct {
	t *testing.T
	*agent.Agent
	stop  func()
	gates startgate.Parts // without a chain
}

func startAgent(t *testing.T, n *node, a *api, state string) running {
	t.Helper()
	client, err := sandbox.Dial(t.Context(), n.socket)
	require.NoError(t, err)
	memory, err := ledger.Open(state)
	require.NoError(t, err)
	host, err := hostlink.Open(n.netns.Path())
	require.NoError(t, err)
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	metrics := agent.NewMetrics()
	rules := podrules.New(redirect.Settings{IPv6: true}, podrules.Parts{
		Dataplane: dataplane.New(n.backend), Store: memory, Process: client.ProcessOf, Hooks: podhooks.New(n.backend), Log: logger,
	})
	isolation := podisolation.New(podisolation.Parts{Runtime: client, Wall: host, Log: logger})
	frames := podisolation.NewFrames(podisolation.FrameParts{Filter: host, Dropped: metrics.Dropped})
	program := agent.New(agent.Config{
		Node: "node", Resync: 2 * time.Second, Verify: time.Second, Workers: 2, Backend: string(n.backend),
		Log: logger,
	}, agent.Parts{
		Runtime: client, Cluster: a, Authority: a, Reporter: a,
		Rules: rules, Metrics: metrics, Quarantine: isolation, Conditions: a, Frames: frames,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- program.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(30 * time.Second):
			require.Fail(t, "the agent does not stop")
		}
		require.NoError(t, errors.Join(client.Close(), host.Close()))
	})
	t.Cleanup(stop)
	return running{t: t, Agent: program, stop: stop, gates: startgate.Parts{
		Rules: rules, Binder: rules, Frames: frames, Examiner: isolation, Rounds: program, Cluster: a, Spaces: a, Reporter: a,
		Counters: metrics, Registry: metrics.Registry, Log: logger,
	}}
}

// endpoint waits until the pod's status is as asked.
func (r running) endpoint(name string, want func(agentapi.EndpointStatus) bool) agentapi.EndpointStatus {
	r.t.Helper()
	var last agentapi.EndpointStatus
	if !waitFor(30*time.Second, func() bool {
		for _, e := range r.Status(r.t.Context()).Endpoints {
			if e.Name == name {
				last = e
				return want(e)
			}
		}
		last = agentapi.EndpointStatus{}
		return false
	}) {
		require.Failf(r.t, "the pod does not get there", "%s: %+v", name, last)
	}
	return last
}

func (r running) reaches(name string, state agentapi.State) agentapi.EndpointStatus {
	r.t.Helper()
	return r.endpoint(name, func(e agentapi.EndpointStatus) bool { return e.State == state })
}

func waitFor(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return done()
}

// rules is what another program sees in the sandbox's network namespace.
func (n *node) rules(client *sandbox.Client, box string) string {
	n.t.Helper()
	detail, err := client.Sandbox(n.t.Context(), box)
	require.NoError(n.t, err)
	ns, err := netns.Open(detail.Netns)
	require.NoError(n.t, err)
	defer ns.Close()
	return n.inside(ns, "iptables-"+string(n.backend)+"-save") + n.inside(ns, "ip6tables-"+string(n.backend)+"-save")
}

func (n *node) inside(ns *netns.Namespace, command string, args ...string) string {
	n.t.Helper()
	var out []byte
	require.NoError(n.t, ns.Do(func() (err error) {
		out, err = exec.Command(command, args...).CombinedOutput()
		return err
	}), string(out))
	return string(out)
}

func TestTheLifeOfAForeignPod(t *testing.T) {
	for _, b := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		t.Run(string(b), func(t *testing.T) { life(t, b) })
	}
}

func life(t *testing.T, b xtables.Backend) {
	t.Helper()
	n := newNode(t)
	n.backend = b
	client, err := sandbox.Dial(t.Context(), n.socket)
	require.NoError(t, err)
	defer client.Close()
	a := newAPI()
	state := filepath.Join(t.TempDir(), "guarded")
	r := startAgent(t, n, a, state)
	require.Eventually(t, r.Ready, 30*time.Second, 10*time.Millisecond, "a node without foreign pods is ready at once")

	config := n.sandboxConfig("pharma", "job")
	box := n.runPod(config)
	closed := r.reaches("job", agentapi.Closed)
	require.Nil(t, closed.Proxy, "before its proxy runs, the pod is closed")
	require.Contains(t, n.rules(client, box), ":OUTPUT DROP")
	require.Equal(t, "pharma-1", closed.Guest)
	require.Empty(t, closed.Drift)

	own := n.runPod(n.sandboxConfig("hospital", "own"))
	host := n.sandboxConfig("pharma", "host")
	host.Linux.SecurityContext.NamespaceOptions.Network = cri.NamespaceMode_NODE
	n.runPod(host)

	proxy := n.create(config, box, apis.ProxyContainerName, 0)
	n.run(proxy)
	bound := r.reaches("job", agentapi.Enforced)
	require.Equal(t, proxy, bound.Proxy.Container)
	require.Equal(t, n.parent+"/"+proxy, bound.Proxy.Cgroup)
	require.Contains(t, n.rules(client, box), bound.Proxy.Cgroup)
	for _, family := range []string{"ipv4", "ipv6"} {
		for _, table := range []string{"filter", "nat"} {
			require.Positive(t, bound.Rules[family][table], "%s %s", family, table)
		}
	}
	require.Len(t, a.told(agent.EventEnforced), 1)

	r.endpoint("host", func(e agentapi.EndpointStatus) bool { return e.State == agentapi.Exempt && e.Reason == "HostNetwork" })
	require.Empty(t, n.rules(client, own), "the hospital's own pods hold no rule")

	n.kill(proxy)
	r.endpoint("job", func(e agentapi.EndpointStatus) bool { return e.State == agentapi.Closed && e.Proxy == nil })
	require.NotContains(t, n.rules(client, box), proxy)
	second := n.create(config, box, apis.ProxyContainerName, 1)
	n.run(second)
	bound = r.endpoint("job", func(e agentapi.EndpointStatus) bool {
		return e.State == agentapi.Enforced && e.Proxy != nil && e.Proxy.Container == second
	})
	hash := bound.Hash

	t.Run("what somebody else changes is repaired and reported", func(t *testing.T) {
		detail, err := client.Sandbox(t.Context(), box)
		require.NoError(t, err)
		ns, err := netns.Open(detail.Netns)
		require.NoError(t, err)
		defer ns.Close()
		rules, found := r.Rules(t.Context(), "pharma", "job")
		require.True(t, found)
		require.Greater(t, len(rules.Chains), 10)
		for _, c := range rules.Chains {
			for _, rule := range c.Rules {
				require.NotEmpty(t, rule.Reason, "%s/%s: %s", c.Table, c.Name, rule.Words)
				require.NotContains(t, []string{ruleview.Unplanned, ruleview.Unnamed}, rule.Reason, "%s/%s: %s", c.Table, c.Name, rule.Words)
			}
		}
		n.inside(ns, "iptables-"+string(b), "-I", "OUTPUT", "-j", "ACCEPT")
		repaired := r.endpoint("job", func(e agentapi.EndpointStatus) bool { return e.DriftRepaired == 1 && e.State == agentapi.Enforced })
		require.Equal(t, hash, repaired.Hash)
		require.Len(t, a.told(agent.EventDriftRepaired), 1)
		require.Contains(t, a.told(agent.EventDriftRepaired)[0], "filter/OUTPUT")
	})

	t.Run("a stopped agent leaves every rule in place", func(t *testing.T) {
		r.stop()
		require.Contains(t, n.rules(client, box), second)
	})

	t.Run("an agent that starts without the API server goes on with what it guards", func(t *testing.T) {
		n.kill(second)
		a.set(func() { a.away = true })
		r = startAgent(n.t, n, a, state) // outlives this part
		r.reaches("job", agentapi.Closed)
		third := n.create(config, box, apis.ProxyContainerName, 2)
		n.run(third)
		r.endpoint("job", func(e agentapi.EndpointStatus) bool { return e.Proxy != nil && e.Proxy.Container == third })
		require.False(t, r.Ready())
		require.NotEmpty(t, r.Status(t.Context()).Problems)
		a.set(func() { a.away = false })
		require.Eventually(t, r.Ready, 30*time.Second, 10*time.Millisecond)
		r.reaches("job", agentapi.Enforced)
		require.Len(t, a.told(agent.EventDriftRepaired), 1, "its own changes are no drift")
	})

	t.Run("a namespace that is being deleted stays guarded", func(t *testing.T) {
		labels := a.spaces["pharma"]
		a.set(func() { delete(a.spaces, "pharma") })
		time.Sleep(300 * time.Millisecond)
		require.Contains(t, n.rules(client, box), ":OUTPUT DROP")
		a.set(func() { a.spaces["pharma"] = labels })
		r.reaches("job", agentapi.Enforced)
	})

	t.Run("a namespace that opts out is given back", func(t *testing.T) {
		a.set(func() {
			a.spaces["pharma"] = map[string]string{apis.LabelRemoteCluster: "pharma-1", apis.LabelApplyWebhook: "false"}
		})
		exempt := r.reaches("job", agentapi.Exempt)
		require.Equal(t, "OptedOut", exempt.Reason)
		require.NotContains(t, n.rules(client, box), "DROP")
		a.set(func() { a.spaces["pharma"] = map[string]string{apis.LabelRemoteCluster: "pharma-1"} })
		require.Empty(t, r.reaches("job", agentapi.Enforced).Reason)
	})

	n.removePod(box)
	require.Eventually(t, func() bool {
		return !slices.ContainsFunc(r.Status(t.Context()).Endpoints, func(e agentapi.EndpointStatus) bool { return e.Name == "job" })
	}, 30*time.Second, 10*time.Millisecond)
	require.Empty(t, a.told(agent.EventRedirectFailed), "the end of a pod is no failure")
	require.Eventually(t, func() bool {
		memory, err := ledger.Open(state)
		return err == nil && len(memory.All()) == 0
	}, 30*time.Second, 10*time.Millisecond, "and it is forgotten")
}

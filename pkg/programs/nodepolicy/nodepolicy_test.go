package nodepolicy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/policywatch"
	"data-space.liqo.io/pkg/reconcilers/noderules"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// world plays the API server and the kernel.
type world struct {
	*Policies
	t        *testing.T
	registry *prometheus.Registry
	log      bytes.Buffer
	list     chan []netpol.Change

	mu       sync.Mutex
	node     policywatch.Node
	nodeErr  error
	changes  []netpol.Change
	whole    int // times that the kernel was made whole
	atWhole  int // changes that were known the first time
	findings []nodefilter.Finding
	escapes  []nodefilter.Escape
	marks    []netpol.MarkUse
	failing  error
	cuts     int
	retired  bool
	slow     chan struct{}
	refused  []nodefilter.Refused
	audited  map[nodefilter.Connection][]netpol.WouldRefuse
}

var own = netip.MustParseAddr("198.51.100.1")

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, registry: prometheus.NewRegistry(), list: make(chan []netpol.Change), node: policywatch.Node{Addresses: []netip.Addr{own}}}
	w.Policies = newPolicies(Config{
		Node: "node-1", Backend: "nft", Denial: netpol.Reject, Unknown: netpol.UnknownForeign, Verify: 10 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(&locked{w: w}, nil)),
	}, Parts{Cluster: (*api)(w), Filter: (*kernel)(w), Sight: (*kernel)(w), Registry: w.registry})
	return w
}

// locked writes to the world's log.
type locked struct{ w *world }

func (l *locked) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.log.Write(p)
}

// set changes the world.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// comes waits until something is so.
func (w *world) comes(what func() bool) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return what()
	}, 30*time.Second, time.Millisecond)
}

func (w *world) said(text string) func() bool {
	return func() bool { return bytes.Contains(w.log.Bytes(), []byte(text)) }
}

// run starts the policies; they end with the test.
func (w *world) run() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-ended)
	})
}

// metric is the value of a metric, all its labels together.
func (w *world) metric(name string) (sum float64) {
	w.t.Helper()
	families, err := w.registry.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		if f.GetName() == prefix+name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

type api world

func (a *api) Run(ctx context.Context, take func([]netpol.Change), synced func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case changes := <-a.list:
			take(changes)
			synced()
		}
	}
}

func (a *api) Problem() string { return "" }

func (a *api) Node(context.Context, string) (policywatch.Node, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.node, a.nodeErr
}

func (a *api) Reasons(_ context.Context, policy netpolicy.Key) (policywatch.Reasons, error) {
	return policywatch.Reasons{Egress: []string{"to pods app=pg: because " + policy.String()}}, nil
}

type kernel world

func (k *kernel) Audit() (map[nodefilter.Connection][]netpol.WouldRefuse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.audited, nil
}

func (k *kernel) Apply(_ context.Context, changes ...netpol.Change) error {
	if k.slow != nil {
		<-k.slow
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes = append(k.changes, changes...)
	return k.failing
}

func (k *kernel) Converge(context.Context) ([]nodefilter.Finding, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.retired {
		return nil, noderules.ErrRetired
	}
	if k.failing != nil {
		return nil, k.failing
	}
	if k.whole == 0 {
		k.atWhole = len(k.changes)
	}
	k.whole++
	found := k.findings
	k.findings = nil
	return found, nil
}

func (k *kernel) Cut() (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cuts++
	if k.cuts == 1 {
		return 0, errors.New("the table is busy")
	}
	return 2, nil
}

func (k *kernel) Retire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.retired = true
}

func (k *kernel) Explain(p netpol.Packet) (netpol.Verdict, error) {
	if p.Port == 1 {
		return netpol.Verdict{}, errors.New("no such thing")
	}
	return netpol.Verdict{
		Egress:  netpol.Finding{Pod: netpolicy.Key{Namespace: "x", Name: "a"}, Chain: "C", Allowed: true, Policy: netpolicy.Key{Namespace: "x", Name: "p"}, Rule: "r"},
		Ingress: netpol.Finding{Pod: netpolicy.Key{Namespace: "x", Name: "b"}, Chain: "D", Against: []netpolicy.Key{{Namespace: "x", Name: "q"}}},
	}, nil
}

func (k *kernel) Holds(ips []netip.Addr) (bool, error) { return ips[0] == own, nil }

func (k *kernel) MarkUses(context.Context) ([]netpol.MarkUse, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.marks, errors.New("iptables-legacy-save: not there")
}

func (k *kernel) Escapes() ([]nodefilter.Escape, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.escapes, nil
}

func (k *kernel) Summary() netpol.Summary {
	return netpol.Summary{Pods: 9, LocalPods: 3, Isolated: 2, Policies: 5, PoliciesOn: 1}
}

func (k *kernel) PodCIDRs() []netip.Prefix {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.changes {
		if r, ok := c.(netpol.RangesSeen); ok {
			return r.PodCIDRs
		}
	}
	return nil
}

func (k *kernel) Refused() []nodefilter.Refused {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.refused
}

var aPod = []netpol.Change{netpol.PodGone{Key: netpolicy.Key{Namespace: "x", Name: "a"}}}

func TestNothingIsWrittenBeforeTheClusterIsKnown(t *testing.T) {
	w := newWorld(t)
	w.nodeErr = errors.New("connection refused")
	w.run()
	w.comes(w.said("connection refused"))
	require.Equal(t, []string{"connection refused", "API server: the first complete lists have not arrived yet; what is on the node stays"}, w.Status().Problems)
	w.set(func() { w.nodeErr = nil })
	require.Never(t, func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.whole > 0 || w.Ready() }, 100*time.Millisecond, 5*time.Millisecond)
	w.list <- aPod
	w.comes(func() bool { return w.whole > 0 && w.Ready() })
	require.Equal(t, 1, w.atWhole)
	require.True(t, w.Status().InForce)
}

func TestAnotherNodesNetworkIsNotWrittenTo(t *testing.T) {
	w := newWorld(t)
	w.node.Addresses = []netip.Addr{netip.MustParseAddr("198.51.100.77")}
	require.ErrorIs(t, w.Run(t.Context()), errElsewhere)
	w.nodeErr = policywatch.ErrRefused
	require.ErrorIs(t, w.Run(t.Context()), policywatch.ErrRefused)
	require.Empty(t, w.changes)
}

func TestTheRangesAreTheFlagsOrTheNodesWheneverItTells(t *testing.T) {
	ranges := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	w := newWorld(t)
	w.run()
	w.list <- aPod
	w.comes(func() bool { return w.Ready() })
	require.Contains(t, w.Status().Problems[0], "--pod-cidrs")
	w.set(func() { w.node.PodCIDRs = ranges })
	require.Eventually(t, func() bool { return len(w.Status().PodCIDRs) == 1 }, 30*time.Second, time.Millisecond)
	require.Empty(t, w.Status().Problems)

	w = newWorld(t)
	w.PodCIDRs, w.node.PodCIDRs = ranges, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	w.run()
	w.comes(func() bool { return len(w.changes) == 1 })
	require.Equal(t, netpol.RangesSeen{PodCIDRs: ranges}, w.changes[0])
}

func TestWhatFailsIsSaidAndTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.set(func() { w.failing = errors.New("no memory") })
	w.list <- aPod
	w.comes(w.said("not written yet"))
	w.comes(w.said("is not as policies want it"))
	require.False(t, w.Ready())
	require.Equal(t, "no memory", w.Status().Problems[0])
	w.set(func() { w.failing = nil })
	w.comes(func() bool { return w.Ready() })
	require.NotContains(t, w.Status().Problems, "no memory")
	require.GreaterOrEqual(t, w.metric("write_failures_total"), 2.0)
}

func TestRulesThatUseTheSameMarksAreReported(t *testing.T) {
	w := newWorld(t)
	w.marks = []netpol.MarkUse{{Where: "iptables-nft-save mangle", Rule: "-A X -m mark --mark 0x40/0x40 -j ACCEPT", Mark: "0x40/0x40"}}
	w.run()
	w.list <- nil
	w.comes(w.said("MarkCollision"))
	require.Contains(t, strings.Join(w.Status().Problems, "\n"), "--policy-marks")
}

func TestDriftEscapesAndCutsAreReported(t *testing.T) {
	w := newWorld(t)
	w.findings = []nodefilter.Finding{{What: "chain", Name: "DS-NP-FORWARD", How: "missing"}}
	w.run()
	w.list <- aPod
	w.comes(func() bool { return w.Ready() })
	require.Zero(t, w.Status().DriftRepaired, "at the start everything is missing")
	w.set(func() {
		w.findings = []nodefilter.Finding{{What: "chain", Name: "DS-NP-INGRESS", How: "different"}}
		w.escapes = []nodefilter.Escape{{Bridge: "cni0", Family: iptables.V4, Pod: own}}
		w.refused = []nodefilter.Refused{{Family: iptables.V4, Reason: netpol.NoIngress, Packets: 7}}
	})
	w.comes(w.said("DS-NP-INGRESS different"))
	w.comes(w.said("behind bridge cni0"))
	w.comes(w.said("connections=2"))
	s := w.Status()
	require.Equal(t, 1, s.DriftRepaired)
	require.Len(t, s.LastDrift, 1)
	require.Contains(t, s.Problems[len(s.Problems)-1], "cni0")
	counted := func() float64 { return w.metric("refused_packets_total") }
	require.Eventually(t, func() bool { return counted() == 7 }, 30*time.Second, time.Millisecond)
	w.set(func() { w.refused[0].Packets = 3 })
	require.Eventually(t, func() bool { return counted() == 10 }, 30*time.Second, time.Millisecond, "a chain that is written anew counts from zero")
	require.Equal(t, 1, bytes.Count(w.log.Bytes(), []byte("PolicyBypassed")))

	require.Equal(t, []int{1, 5, 2, 3}, []int{s.PoliciesOn, s.Policies, s.Isolated, s.LocalPods})
	found, err := w.registry.Gather()
	require.NoError(t, err)
	require.Len(t, found, 12)
}

func TestAPodsNetworkDoesNotWaitForLong(t *testing.T) {
	w := newWorld(t)
	w.slow = make(chan struct{})
	began := time.Now()
	w.Address(t.Context(), "x", "a", []netip.Addr{own})
	require.Less(t, time.Since(began), 30*time.Second)
	close(w.slow)
	w.comes(func() bool { return len(w.changes) == 1 })
	require.Equal(t, netpol.AddressSeen{Key: netpolicy.Key{Namespace: "x", Name: "a"}, IPs: []netip.Addr{own}}, w.changes[0])
}

func (w *world) asks(method, path string, into any) int {
	w.t.Helper()
	r := httptest.NewRecorder()
	w.Handler().ServeHTTP(r, httptest.NewRequestWithContext(w.t.Context(), method, path, nil))
	if r.Code == http.StatusOK {
		require.NoError(w.t, json.NewDecoder(r.Body).Decode(into))
	}
	return r.Code
}

func TestTheSocketAnswers(t *testing.T) {
	w := newWorld(t)
	var s agentapi.PolicyStatus
	require.Equal(t, http.StatusOK, w.asks(http.MethodGet, agentapi.PolicyPath, &s))
	require.Equal(t, "node-1", s.Node)

	q := agentapi.Question{From: own, To: own.Next(), Protocol: netpolicy.TCP, Port: 80}
	var e agentapi.Explanation
	require.Equal(t, http.StatusOK, w.asks(http.MethodGet, agentapi.ExplainPath+"?"+q.Values().Encode(), &e))
	require.Equal(t, agentapi.Explanation{
		Node: "node-1", Egress: agentapi.Side{Pod: "x/a", Allowed: true, Policy: "x/p", Rule: "r", Chain: "C", Reason: "to pods app=pg: because x/p"},
		Ingress: agentapi.Side{Pod: "x/b", Against: []string{"x/q"}, Chain: "D"}, Text: "egress of x/a: allowed by \"r\" in C\ningress of x/b: refused, none of its policies allows it (x/q) in D\n" +
			"why x/p has the rule: to pods app=pg: because x/p",
	}, e)
	require.Equal(t, http.StatusBadRequest, w.asks(http.MethodGet, agentapi.ExplainPath, nil))
	q.Port = 1
	require.Equal(t, http.StatusServiceUnavailable, w.asks(http.MethodGet, agentapi.ExplainPath+"?"+q.Values().Encode(), nil))

	require.Equal(t, http.StatusMethodNotAllowed, w.asks(http.MethodGet, agentapi.RetirePath, nil))
	require.Equal(t, http.StatusOK, w.asks(http.MethodPost, agentapi.RetirePath, &struct{}{}))
	require.True(t, w.retired)
}

package netpol_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/netpol/interpreter"
	"data-space.liqo.io/test/netpol/oracle"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

// told is the nine pods of the scenarios and what is said to happen to them.
type told struct {
	t *testing.T
	x *netpol.Index
	k *kernel
}

func tell(t *testing.T, s netpol.Settings) *told {
	t.Helper()
	s.Node = worlds.Node
	x := netpol.New(s)
	k := newKernel(t, x.State())
	k.apply(x.Apply(worlds.Changes(t, scenarios.Start())...), func() {})
	return &told{t: t, x: x, k: k}
}

func (w *told) changes(text string) []netpol.Change {
	w.t.Helper()
	events, err := scenarios.Step{Do: text}.Events(false)
	require.NoError(w.t, err)
	return worlds.Changes(w.t, events)
}

func (w *told) do(text string) netpol.Delta {
	w.t.Helper()
	d := w.x.Apply(w.changes(text)...)
	w.k.apply(d, func() {})
	return d
}

// passes says what the rules make of a packet between two pods, by name.
func (w *told) passes(from, to string, port int32) bool {
	w.t.Helper()
	ok, _ := interpret(w.t, map[iptables.Family]interpreter.Table{iptables.V4: w.k.table(iptables.V4)}, tcp(address(from), address(to), port))
	require.Equal(w.t, ok, w.x.Allowed(packet(tcp(address(from), address(to), port))))
	return ok
}

func address(name string) netip.Addr {
	for i, n := range scenarios.Names() {
		if n == name {
			return worlds.Address4(i)
		}
	}
	return netip.MustParseAddr(name)
}

func tcp(from, to netip.Addr, port int32) oracle.Packet {
	return oracle.Packet{From: from, To: to, Protocol: "TCP", Port: port}
}

// Egress of old callers is open and of new ones closed; x/b takes new ones and no old ones. So x/a never reaches x/b,
// whatever it is labelled, and nobody may see the old half of one verdict with the new half of the other.
const neverBoth = `x/old-out: podSelector: {matchLabels: {role: old}}, policyTypes: [Egress], egress: [{}]
	x/new-out: podSelector: {matchLabels: {role: new}}, policyTypes: [Egress]
	x/in: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {role: new}}}]}]
	pod x/a role=%s`

func TestARelabelThatTurnsBothDirectionsRoundOpensNothingBetween(t *testing.T) {
	for _, turn := range [][2]string{{"old", "new"}, {"new", "old"}} {
		w := tell(t, netpol.Settings{})
		w.do(fmt.Sprintf(neverBoth, turn[0]))
		require.False(t, w.passes("x/a", "x/b", 80))
		d := w.x.Apply(w.changes("pod x/a role=" + turn[1])...)
		require.NotEmpty(t, d.Chains)
		w.k.apply(d, func() {
			ok, o := interpret(t, w.k.tables(), tcp(address("x/a"), address("x/b"), 80))
			require.False(t, ok, "from %s to %s: %v", turn[0], turn[1], o.Path)
		})
	}
}

func TestARelabelThatMovesACallerFromOneRuleToAnotherClosesNothingBetween(t *testing.T) {
	w := tell(t, netpol.Settings{})
	w.do(`x/in: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {role: old}}}]}, {from: [{podSelector: {matchLabels: {role: new}}}]}]
		pod x/a role=old`)
	require.True(t, w.passes("x/a", "x/b", 80))
	d := w.x.Apply(w.changes("pod x/a role=new")...)
	require.Empty(t, d.Chains, "a peer that moves is a matter of sets")
	require.Len(t, d.Before, 1)
	require.Len(t, d.After, 1)
	w.k.apply(d, func() {
		ok, _ := interpret(t, map[iptables.Family]interpreter.Table{iptables.V4: w.k.table(iptables.V4)}, tcp(address("x/a"), address("x/b"), 80))
		require.True(t, ok)
	})
}

func TestANamespaceThatTurnsBothDirectionsRoundOpensNothingBetween(t *testing.T) {
	for _, turn := range [][2]string{{"old", "new"}, {"new", "old"}} {
		w := tell(t, netpol.Settings{})
		w.do(`namespace y team=` + turn[0] + `
			y/out: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {team: old}}}]}]
			y/in: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {team: new}}}]}]`)
		require.False(t, w.passes("y/a", "y/b", 80))
		d := w.x.Apply(w.changes("namespace y team=" + turn[1])...)
		w.k.apply(d, func() {
			ok, o := interpret(t, map[iptables.Family]interpreter.Table{iptables.V4: w.k.table(iptables.V4)}, tcp(address("y/a"), address("y/b"), 80))
			require.False(t, ok, "%v", o.Path)
		})
	}
}

func TestOnlyPoliciesAboutLocalPodsAreRenderedAndOnlyWhatChangesIsWritten(t *testing.T) {
	w := tell(t, netpol.Settings{})
	bare := text(w.x.State())
	require.True(t, w.do(`x/nobody: podSelector: {matchLabels: {pod: nobody}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]`).Empty())
	require.True(t, w.do("namespace z team=red").Empty())
	require.True(t, w.do("pod x/a pod=a").Empty(), "nothing changed")
	require.False(t, w.do(`x/a: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]`).Empty())
	require.True(t, w.do(`x/a: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: []`).Empty(), "the same in other words")
	w.do("x/a gone\nx/nobody gone")
	require.True(t, w.x.Apply(w.changes("x/a gone")...).Empty(), "gone twice")
	require.Equal(t, bare, text(w.x.State()), "nothing is left")
}

func TestAPolicyDeletedAndMadeAgainInOneCallIsTheNewOne(t *testing.T) {
	w := tell(t, netpol.Settings{})
	w.do(`x/p: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}]}]`)
	w.do("x/p gone\nx/p: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81}]}]")
	require.True(t, w.passes("y/a", "x/a", 81))
	require.False(t, w.passes("y/a", "x/a", 80))
	require.False(t, w.do(`x/p: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}]}]`).Empty())
	require.True(t, w.passes("y/a", "x/a", 80))
}

func TestPodsAndNamespacesThatGoLeaveNothing(t *testing.T) {
	w := tell(t, netpol.Settings{})
	w.do(`x/p: podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}]}]`)
	require.True(t, w.passes("y/a", "x/a", 80))
	w.k.apply(w.x.Apply(netpol.NamespaceGone{Name: "y"}), func() {})
	require.False(t, w.passes("y/a", "x/a", 80), "a namespace that nobody knows is in no selector")
	for _, name := range scenarios.Names() {
		ns, pod, _ := strings.Cut(name, "/")
		w.k.apply(w.x.Apply(netpol.PodGone{Key: netpolicy.Key{Namespace: ns, Name: pod}}), func() {})
	}
	w.do("x/p gone")
	for _, ns := range []string{"x", "y", "z", "never"} {
		w.k.apply(w.x.Apply(netpol.NamespaceGone{Name: ns}), func() {})
	}
	require.True(t, w.x.Apply(netpol.PodGone{Key: netpolicy.Key{Namespace: "x", Name: "a"}}).Empty())
	require.Equal(t, text(netpol.New(netpol.Settings{Node: worlds.Node}).State()), text(w.x.State()))
}

func TestAnAddressThatTwoPodsClaimIsTheYoungersUntilItLeaves(t *testing.T) {
	w := tell(t, netpol.Settings{})
	w.do(`x/p: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]`)
	require.False(t, w.passes("y/a", "x/a", 80))
	other := scenarios.Pod("x/a", map[string]string{"pod": "other"}).Pod
	other.Name, other.CreationTimestamp.Time = "younger", other.CreationTimestamp.Add(1)
	other.CreationTimestamp.Time = other.CreationTimestamp.AddDate(60, 0, 0)
	w.k.apply(w.x.Apply(netpol.PodSeen{Pod: netpolicy.PodOf(other)}), func() {})
	require.True(t, w.passes("y/a", "x/a", 80))
	w.k.apply(w.x.Apply(netpol.PodGone{Key: netpolicy.Key{Namespace: "x", Name: "younger"}}), func() {})
	require.False(t, w.passes("y/a", "x/a", 80))
}

func TestUnknownAddressesAreClosedAsSet(t *testing.T) {
	unknown := netip.MustParseAddr("203.0.113.60")
	ranges := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	t.Run("always", func(t *testing.T) {
		w := tell(t, netpol.Settings{Unknown: netpol.UnknownClosed, PodCIDRs: ranges})
		require.False(t, w.passes("x/a", unknown.String(), 80))
		require.False(t, w.passes(unknown.String(), "x/a", 80))
		require.True(t, w.passes("x/a", "y/a", 80))
		require.True(t, w.x.Allowed(netpol.Packet{From: address("x/a"), To: unknown, ToNode: true}), "an address of the node")
		require.True(t, w.x.Allowed(netpol.Packet{From: unknown, To: address("x/a"), Node: true}))
		require.Contains(t, w.x.Explain(packet(tcp(unknown, address("x/a"), 80))).String(), "no pod is known to have the address")
	})
	t.Run("never", func(t *testing.T) {
		w := tell(t, netpol.Settings{Unknown: netpol.UnknownOpen, PodCIDRs: ranges})
		require.True(t, w.passes("x/a", unknown.String(), 80))
		require.NotContains(t, text(w.x.State()), "ds-np-known4 src")
	})
	t.Run("while a foreign pod starts", func(t *testing.T) {
		w := tell(t, netpol.Settings{PodCIDRs: ranges})
		require.True(t, w.passes("x/a", unknown.String(), 80))
		starting := scenarios.Pod("x/a", nil).Pod
		starting.Namespace, starting.Status.PodIPs = "guest", nil
		w.k.apply(w.x.Apply(netpol.PodSeen{Pod: netpolicy.PodOf(starting)}), func() {})
		require.True(t, w.passes("x/a", unknown.String(), 80), "its namespace is not known to be foreign")
		guest := map[string]string{"liqo.io/remote-cluster-id": "pharma"}
		w.k.apply(w.x.Apply(netpol.NamespaceSeen{Namespace: netpolicy.Namespace{Name: "guest", Labels: guest}}), func() {})
		require.False(t, w.passes("x/a", unknown.String(), 80))
		starting.Status.PodIPs = scenarios.Pod("x/a", nil).Pod.Status.PodIPs
		starting.Status.PodIPs[0].IP, starting.Status.PodIPs[1].IP = unknown.String(), "2001:db8::77"
		w.k.apply(w.x.Apply(netpol.PodSeen{Pod: netpolicy.PodOf(starting)}), func() {})
		require.True(t, w.passes("x/a", unknown.String(), 80))
	})
}

func TestAVerdictSaysWhichRuleDecidesAndWhy(t *testing.T) {
	w := tell(t, netpol.Settings{})
	w.do(`x/web: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}], ports: [{port: 80}]}]
		y/out: podSelector: {}, policyTypes: [Egress], egress: [{}]`)
	v := w.x.Explain(packet(tcp(address("x/b"), address("x/a"), 80)))
	require.True(t, v.Allowed)
	require.Equal(t, netpolicy.Key{Namespace: "x", Name: "web"}, v.Ingress.Policy)
	require.Contains(t, v.String(), `egress of x/b: allowed, no policy judges it; ingress of x/a: allowed by "x/web ingress[0] from[0] pods pod=b" in DS-NP-I-`)
	v = w.x.Explain(packet(tcp(address("y/b"), address("x/a"), 80)))
	require.False(t, v.Allowed)
	require.Contains(t, v.String(), `egress of y/b: allowed by "y/out egress[0] to anybody"`)
	require.Contains(t, v.String(), `ingress of x/a: refused, none of its policies allows it (x/web)`)
	v = w.x.Explain(packet(tcp(netip.MustParseAddr("192.0.2.1"), address("y/a"), 80)))
	require.Equal(t, "egress: not judged here (no pod of this node); ingress of y/a: allowed, no policy judges it", v.String())
}

func TestOneFamilyIsLeftAloneWhereTheKernelLacksIt(t *testing.T) {
	w := tell(t, netpol.Settings{})
	d := w.do(`x/web: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: "::/0"}}, {ipBlock: {cidr: 0.0.0.0/0}}]}]`)
	require.Len(t, d.Chains, 1)
	require.Equal(t, iptables.V4, d.Chains[0].Family)
	require.NotContains(t, text(w.x.State()), "ipv6")
	require.True(t, w.passes("y/a", "x/a", 80))
}

func TestManyPodsWithTheSameLowBitsGrowTheTreeAndNamesStayShort(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		x := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true})
		k := newKernel(t, x.State())
		var all []netpol.Change
		name := strings.Repeat("n", 63)
		for i := range 40 {
			ip := netip.AddrFrom4([4]byte{10, byte(i), 0, 5})
			if v6 {
				bytes := netip.MustParseAddr("2001:db8::5").As16()
				bytes[12] = byte(i)
				ip = netip.AddrFrom16(bytes)
			}
			all = append(all, netpol.PodSeen{Pod: netpolicy.Pod{
				Key: netpolicy.Key{Namespace: name, Name: fmt.Sprintf("%s%d", strings.Repeat("p", 230), i)}, Node: worlds.Node, IPs: []netip.Addr{ip}}})
		}
		deny := netpolicy.Policy{Key: netpolicy.Key{Namespace: name, Name: strings.Repeat("q", 253)}, Target: netpolicy.Everything(),
			Ingress: netpolicy.Side{Isolates: true}}
		k.apply(x.Apply(append(all, netpol.PolicySeen{Policy: deny})...), func() {})
		for _, c := range x.State()[0].Chains {
			require.LessOrEqual(t, len(c.Name), 28)
			for _, r := range c.Rules {
				require.LessOrEqual(t, len(r.Comment), 255)
			}
		}
		from, to := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("10.9.0.5")
		if v6 {
			from, to = netip.MustParseAddr("2001:db8:f::1"), netip.MustParseAddr("2001:db8::900:5")
		}
		ok, o := interpret(t, k.tables(), tcp(from, to, 80))
		require.False(t, ok)
		require.Less(t, o.Rules, 60)
		for _, c := range all {
			k.apply(x.Apply(netpol.PodGone{Key: c.(netpol.PodSeen).Pod.Key}), func() {})
		}
		require.NotContains(t, text(x.State()), "DS-NP-INGRESS-")
	}
}

func TestPortsThatOneRuleCannotHoldTakeMore(t *testing.T) {
	w := tell(t, netpol.Settings{})
	var ports []string
	for i := range 20 {
		ports = append(ports, fmt.Sprintf("{port: %d, endPort: %d}", 100*i+1, 100*i+50))
	}
	w.do(`x/web: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [` + strings.Join(ports, ", ") + `]}]`)
	require.True(t, w.passes("y/a", "x/a", 1950))
	require.False(t, w.passes("y/a", "x/a", 1951))
	require.Equal(t, 3, strings.Count(text(w.x.State()), "--dports"))
}

func TestWhatAPolicyDoesNotSayRightAllowsNothing(t *testing.T) {
	w := tell(t, netpol.Settings{Denial: netpol.Drop, NoLog: true})
	w.do(`x/web: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]`)
	pods := netpolicy.Everything()
	odd := netpolicy.Policy{Key: netpolicy.Key{Namespace: "x", Name: "odd"}, Target: pods, Ingress: netpolicy.Side{Isolates: true, Rules: []netpolicy.Rule{
		{AnyPort: true, Peers: []netpolicy.Peer{{}}}, {AnyPeer: true, Ports: []netpolicy.Port{{}}},
	}}}
	w.k.apply(w.x.Apply(netpol.PolicySeen{Policy: odd}), func() {})
	require.False(t, w.passes("y/a", "x/a", 80))
	require.NotContains(t, text(w.x.State()), "NFLOG")
	require.NotContains(t, text(w.x.State()), "REJECT")
}

func TestHooksAreForWhatPassesAndWhatComesToTheNode(t *testing.T) {
	require.Equal(t, []netpol.Hook{{Chain: "FORWARD", Target: "DS-NP-FORWARD"}, {Chain: "INPUT", Target: "DS-NP-INPUT"}}, netpol.Hooks())
	x := netpol.New(netpol.Settings{Node: worlds.Node})
	require.Equal(t, netpol.Hooks(), x.State()[0].Hooks)
	require.Len(t, x.State()[0].Sets, 3)
	require.Equal(t, ipset.V4, x.State()[0].Sets[0].Family)
}

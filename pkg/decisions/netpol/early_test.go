package netpol_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

// starting is x/a as the API tells it before its network is made.
func starting() netpolicy.Pod {
	p := scenarios.Pod("x/a", nil).Pod
	p.Status.PodIPs = nil
	return netpolicy.PodOf(p)
}

func (w *told) apply(changes ...netpol.Change) netpol.Delta {
	d := w.x.Apply(changes...)
	w.k.apply(d, func() {})
	return d
}

func TestAPodIsJudgedFromTheMomentThatItsNetworkIsMade(t *testing.T) {
	w := tell(t, netpol.Settings{})
	key := netpolicy.Key{Namespace: "x", Name: "a"}
	w.do("x/in: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]")
	w.apply(netpol.PodSeen{Pod: starting()})
	require.True(t, w.passes("y/a", "x/a", 80), "nobody has the address")

	w.apply(netpol.AddressSeen{Key: key, IPs: []netip.Addr{address("x/a")}})
	require.False(t, w.passes("y/a", "x/a", 80))
	relabelled := starting()
	relabelled.Labels = map[string]string{"pod": "a", "more": "labels"}
	w.apply(netpol.PodSeen{Pod: relabelled})
	require.False(t, w.passes("y/a", "x/a", 80), "the API does not know the address yet: it is not forgotten")

	told := relabelled
	told.IPs = []netip.Addr{netip.MustParseAddr("203.0.113.99")}
	w.apply(netpol.PodSeen{Pod: told})
	require.True(t, w.passes("y/a", "x/a", 80), "the API knows better")
	require.False(t, w.passes("y/a", "203.0.113.99", 80))
	w.apply(netpol.AddressSeen{Key: key, IPs: []netip.Addr{address("x/a")}})
	require.False(t, w.passes("y/a", "x/a", 80), "its network was made anew")

	again := starting()
	again.Created++
	w.apply(netpol.PodSeen{Pod: again})
	require.True(t, w.passes("y/a", "x/a", 80), "another pod of that name has no address yet")
}

func TestAnAddressCountsForAPodOfThisNodeAlone(t *testing.T) {
	w := tell(t, netpol.Settings{})
	w.do("x/in: podSelector: {}, policyTypes: [Ingress]")
	unknown := netip.MustParseAddr("203.0.113.99")
	for name, change := range map[string]func(*netpolicy.Pod){
		"of another node": func(p *netpolicy.Pod) { p.Node = "elsewhere" },
		"on the host":     func(p *netpolicy.Pod) { p.HostNetwork = true },
		"finished":        func(p *netpolicy.Pod) { p.Finished = true },
		"terminating":     func(p *netpolicy.Pod) { p.Terminating = true },
	} {
		p := starting()
		p.Name = "other"
		change(&p)
		w.apply(netpol.PodSeen{Pod: p}, netpol.AddressSeen{Key: p.Key, IPs: []netip.Addr{unknown}})
		require.True(t, w.passes("y/a", unknown.String(), 80), name)
		w.apply(netpol.PodGone{Key: p.Key})
	}
	require.True(t, w.apply(netpol.AddressSeen{Key: netpolicy.Key{Namespace: "x", Name: "unheard"}, IPs: []netip.Addr{unknown}}).Empty())
	require.True(t, w.apply(netpol.AddressSeen{Key: netpolicy.Key{Namespace: "unheard", Name: "of"}, IPs: []netip.Addr{unknown}}).Empty())
}

func TestTheNodesRangesMayComeLateAndChange(t *testing.T) {
	w := tell(t, netpol.Settings{Unknown: netpol.UnknownClosed})
	require.True(t, w.passes("x/a", "203.0.113.60", 80))
	w.apply(netpol.RangesSeen{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	require.False(t, w.passes("x/a", "203.0.113.60", 80))
	require.True(t, w.passes("x/a", "y/a", 80))
	w.apply(netpol.RangesSeen{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}})
	require.True(t, w.passes("x/a", "203.0.113.60", 80))
	require.False(t, w.passes("x/a", "198.51.100.60", 80))
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, w.x.PodCIDRs())
	w.apply(netpol.RangesSeen{})
	require.True(t, w.passes("x/a", "198.51.100.60", 80))
	require.NotContains(t, text(w.x.State()), "ds-np-known4 src")
}

func TestConnectionsAreLookedAtWhereAChangeMayForbidThem(t *testing.T) {
	w := tell(t, netpol.Settings{Unknown: netpol.UnknownClosed})
	require.True(t, w.do("x/in: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {role: caller}}}]}]").Judge)
	joins, leaves := w.do("pod x/b role=caller"), w.do("pod x/b pod=b")
	require.False(t, joins.Empty())
	require.False(t, joins.Judge, "one more may call")
	require.True(t, leaves.Judge)
	require.True(t, w.apply(netpol.RangesSeen{PodCIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}).Judge)
}

func TestASummaryCountsWhatIsKnown(t *testing.T) {
	w := tell(t, netpol.Settings{})
	w.do(`x/in: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]
		z/nobody: podSelector: {matchLabels: {pod: none}}, policyTypes: [Ingress]`)
	far := starting()
	far.Name, far.Node, far.IPs = "far", "elsewhere", []netip.Addr{netip.MustParseAddr("203.0.113.99")}
	w.apply(netpol.PodSeen{Pod: far}, netpol.PodSeen{Pod: func() netpolicy.Pod { p := starting(); p.Name = "late"; return p }()})
	require.Equal(t, netpol.Summary{Pods: 10, LocalPods: 9, Isolated: 1, Policies: 2, PoliciesOn: 1}, w.x.Summary())
	require.Len(t, w.x.Local(), 18)
	require.Equal(t, worlds.Address4(0), w.x.Local()[0])
}

func TestAChainThatRefusesHasAReason(t *testing.T) {
	x := netpol.New(netpol.Settings{Node: worlds.Node})
	reasons := map[netpol.Reason]bool{}
	for _, c := range x.State()[0].Chains {
		if reason, refuses := netpol.Refuses(c.Name); refuses {
			reasons[reason] = true
			require.Contains(t, c.Rules[len(c.Rules)-1].String(), "-j", c.Name)
		}
	}
	require.Len(t, reasons, 5)
}

func TestWhatIsNotJudgedHereSaysWhy(t *testing.T) {
	w := tell(t, netpol.Settings{})
	far := starting()
	far.Name, far.Node, far.IPs = "far", "elsewhere", []netip.Addr{netip.MustParseAddr("203.0.113.99")}
	w.apply(netpol.PodSeen{Pod: far})
	own := netip.MustParseAddr("198.51.100.1")
	for want, p := range map[string]netpol.Packet{
		"ingress: not judged here (x/far is on node elsewhere, which judges it)": {From: address("x/a"), To: far.IPs[0]},
		"ingress: not judged here (x/a always reaches itself)":                   {From: address("x/a"), To: address("x/a")},
		"ingress: not judged here (x/a is always reached by its own node)":       {From: own, To: address("x/a"), Node: true},
		"egress: not judged here (no pod of this node)":                          {From: own, To: address("x/a"), Node: true},
	} {
		require.Contains(t, w.x.Explain(p).Lines(), want)
	}
}

package nodefilter

import (
	"context"
	"net/netip"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Check makes sure, in a scratch namespace, that the programs are there and that the kernel can hold every kind of rule:
// one that it refuses later would keep all others of its transaction out.
func Check(ctx context.Context, b xtables.Backend, s netpol.Settings) error {
	scratch, err := netns.Scratch()
	if err != nil {
		return err
	}
	defer scratch.Close()
	x := netpol.New(s)
	x.Apply(everyKind(s.Node)...)
	_, err = New(scratch, b).Converge(ctx, x.State())
	return err
}

// everyKind is a world that takes every kind of rule and set.
func everyKind(node string) []netpol.Change {
	pod := netpolicy.Pod{
		Key: netpolicy.Key{Namespace: "check", Name: "check"}, Node: node,
		IPs:   []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		Ports: []netpolicy.NamedPort{{Name: "named", Protocol: netpolicy.TCP, Number: 1}},
	}
	everybody := netpolicy.Everything()
	rule := netpolicy.Rule{Peers: []netpolicy.Peer{
		{Pods: &everybody},
		{Block: &netpolicy.Block{CIDR: netip.MustParsePrefix("192.0.2.0/24"), Except: []netip.Prefix{netip.MustParsePrefix("192.0.2.8/29")}}},
		{Block: &netpolicy.Block{CIDR: netip.MustParsePrefix("2001:db8::/32"), Except: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/48")}}},
	}}
	for _, p := range []netpolicy.Protocol{netpolicy.TCP, netpolicy.UDP, netpolicy.SCTP} {
		rule.Ports = append(rule.Ports, netpolicy.Port{Protocol: p, First: 1, Last: 1}, netpolicy.Port{Protocol: p, First: 3, Last: 5})
	}
	rule.Ports = append(rule.Ports, netpolicy.Port{Protocol: netpolicy.TCP, Name: "named"})
	side := netpolicy.Side{Isolates: true, Rules: []netpolicy.Rule{rule, {Peers: rule.Peers, AnyPort: true}}}
	policy := netpolicy.Policy{Key: pod.Key, Target: everybody, Ingress: side, Egress: side}
	return []netpol.Change{netpol.PodSeen{Pod: pod}, netpol.PolicySeen{Policy: policy}}
}

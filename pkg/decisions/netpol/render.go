package netpol

import (
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// matches are the matches of one rule; all of them must match.
type matches = []iptables.Match

func inState(states iptables.ConnState) iptables.Match { return iptables.State{Of: states} }

func inSet(s *set, f iptables.Family, end iptables.End) iptables.Match {
	return iptables.InSet{Name: s.name(f), End: end}
}

func notInSet(s *set, f iptables.Family, end iptables.End) iptables.Match {
	return iptables.InSet{Name: s.name(f), End: end, Not: true}
}

// bit returns the direction's mark with its mask.
func (x *Index) bit(d direction) iptables.Mark {
	b := x.settings.MarkBits[d]
	return iptables.Mark{Value: b, Mask: b}
}

// frame returns the chains that exist in every state: the entry chains, and the chains that allow and refuse.
func (x *Index) frame(f iptables.Family) []iptables.Chain {
	chains := []iptables.Chain{
		{Name: chainForward, Rules: x.entry(f, true)},
		{Name: chainInput, Rules: x.entry(f, false)},
		{Name: chainMidway, Rules: x.refusal(f, "conntrack has forgotten the connection", "midway", x.settings.Denial)},
		{Name: chainInvalid, Rules: x.refusal(f, "conntrack cannot place the packet", "invalid", Drop)},
		{Name: chainUnknown, Rules: x.refusal(f, "no pod is known to have the address", "unknown-pod", x.settings.Denial)},
	}
	for _, d := range directions() {
		chains = append(chains,
			iptables.Chain{Name: d.rootChain()},
			iptables.Chain{Name: d.allowChain(), Rules: []iptables.Rule{{Target: iptables.SetMark{Mark: x.bit(d)}}}},
			iptables.Chain{Name: d.refuseChain(), Rules: x.refusal(f, "no policy allows it", d.String()+" no-rule", x.settings.Denial)},
		)
	}
	for i := range chains {
		chains[i].Policy = iptables.NoPolicy
	}
	return chains
}

// entry returns the rules of an entry chain. Forwarded packets are evaluated in both directions, packets to the node itself only
// as egress.
func (x *Index) entry(f iptables.Family, forwarded bool) []iptables.Rule {
	var rules []iptables.Rule
	if f == iptables.V6 {
		// Conntrack does not track neighbour discovery (RFC 4861), and policies do not apply to it. Hop limit 255: sent on this link.
		for _, kind := range []iptables.ICMPv6Type{135, 136} {
			rules = append(rules, iptables.Rule{Matches: matches{iptables.ICMPv6, kind, iptables.HopLimit(255)}, Target: iptables.Return})
		}
	}
	rules = append(rules, iptables.Rule{Matches: matches{inState(iptables.Related | iptables.Established)}, Target: iptables.Return})
	ends := []iptables.End{iptables.Source}
	if forwarded {
		ends = append(ends, iptables.Destination)
	}
	// Only two bits are changed, and only on packets of pods that a policy selects. Every other packet keeps its mark.
	var unmark []iptables.Rule
	for _, end := range ends {
		if x.settings.closes() {
			rules = append(rules, iptables.Rule{Matches: matches{inSet(x.closed, f, end), notInSet(x.known, f, end)}, Target: iptables.Goto(chainUnknown)})
		}
		rules = append(rules, iptables.Rule{Matches: matches{iptables.TCP, opensNothing(), inSet(x.isolated, f, end), inState(iptables.New)}, Target: iptables.Goto(chainMidway)})
		unmark = append(unmark, iptables.Rule{Matches: matches{inSet(x.isolated, f, end)}, Target: iptables.SetMark{Mark: iptables.Mark{Mask: x.settings.Marks()}}})
	}
	rules = append(rules, unmark...)
	rules = append(rules, iptables.Rule{Target: iptables.Jump(egress.rootChain())})
	if forwarded {
		rules = append(rules, iptables.Rule{Target: iptables.Jump(ingress.rootChain())})
	}
	return append(rules, unmark...)
}

// opensNothing matches TCP segments that do not open a connection.
func opensNothing() iptables.Match {
	return iptables.TCPFlags{Of: iptables.FIN | iptables.SYN | iptables.RST | iptables.ACK, Set: iptables.SYN, Not: true}
}

// refusal returns the rules that log at a limited rate and refuse.
func (x *Index) refusal(f iptables.Family, why, prefix string, how Denial) []iptables.Rule {
	var rules []iptables.Rule
	if !x.settings.NoLog {
		rules = append(rules, iptables.Rule{Matches: matches{iptables.Limit{PerSecond: x.settings.LogPerSec}},
			Target: iptables.NFLog{Prefix: "ds-np " + prefix, Group: x.settings.LogGroup}})
	}
	if how == Drop {
		return append(rules, iptables.Rule{Comment: shorten(why), Target: iptables.Drop})
	}
	other := iptables.RejectICMP
	if f == iptables.V6 {
		other = iptables.RejectICMPv6
	}
	return append(rules,
		iptables.Rule{Matches: matches{iptables.TCP}, Comment: shorten(why), Target: iptables.RejectReset},
		iptables.Rule{Comment: shorten(why), Target: other})
}

// rules returns the rules of a pod's chain. It refuses packets in conntrack state INVALID, then jumps to each policy's chain
// until one allows the packet.
func (t *targetChain) rules(x *Index) []iptables.Rule {
	undecided := matches{iptables.PacketMark{Mark: x.bit(t.dir), Not: true}}
	rules := make([]iptables.Rule, 0, len(t.policies)+2)
	rules = append(rules, iptables.Rule{Matches: matches{inState(iptables.Invalid)}, Target: iptables.Goto(chainInvalid)})
	for _, p := range t.policies {
		rules = append(rules, iptables.Rule{Matches: undecided, Comment: shorten(p.policy.String()), Target: iptables.Jump(p.name)})
	}
	return append(rules, iptables.Rule{Matches: undecided, Target: iptables.Goto(t.dir.refuseChain())})
}

// rules returns the rules of a policy's chain, one for each clause of this family. A rule allows a packet by a goto to the chain
// that sets the mark, from where the packet returns to the pod's chain.
func (c *policyChain) rules(f iptables.Family) []iptables.Rule {
	rules := []iptables.Rule{}
	allow := iptables.Goto(c.dir.allowChain())
	for _, cl := range c.clauses {
		if cl.block != nil && familyOf(cl.block.CIDR.Addr()) != f {
			continue
		}
		rules = append(rules, iptables.Rule{Matches: cl.portMatches(cl.peerMatches(c.dir, f), f), Comment: shorten(cl.comment(c)), Target: allow})
	}
	return rules
}

// peerMatches returns the matches of the peer and the protocol, in the order in which iptables prints them.
func (c clause) peerMatches(d direction, f iptables.Family) matches {
	out := make(matches, 0, 4)
	if c.block != nil && c.block.CIDR.Bits() > 0 {
		out = append(out, iptables.Address{End: d.way().far, Prefix: c.block.CIDR.Masked()})
	}
	if c.protocol != "" {
		out = append(out, iptables.Protocol(c.protocol))
	}
	if c.members != nil {
		out = append(out, inSet(c.members, f, d.way().far))
	}
	if c.except != nil {
		out = append(out, notInSet(c.except, f, d.way().far))
	}
	return out
}

// portMatches appends the matches of the destination's port.
func (c clause) portMatches(to matches, f iptables.Family) matches {
	switch {
	case c.named != nil:
		return append(to, iptables.InSet{Name: c.named.name(f), End: iptables.Destination, WithPort: true})
	case len(c.ports) == 0:
		return to
	case len(c.ports) == 1:
		return append(to, iptables.Port{Protocol: iptables.Protocol(c.protocol), End: iptables.Destination, Range: portRange(c.ports[0])})
	}
	ranges := make([]iptables.PortRange, len(c.ports))
	for i, p := range c.ports {
		ranges[i] = portRange(p)
	}
	return append(to, iptables.Multiport{End: iptables.Destination, Ports: iptables.PortsOf(ranges...)})
}

func portRange(p netpolicy.Port) iptables.PortRange {
	return iptables.PortRange{First: p.First, Last: p.Last}
}

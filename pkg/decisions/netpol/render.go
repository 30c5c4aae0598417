package netpol

import (
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// matches are conditions that a packet must all meet.
type matches = []iptables.Match

func inState(states iptables.ConnState) iptables.Match { return iptables.State{Of: states} }

func inSet(s *set, f iptables.Family, end iptables.End) iptables.Match {
	return iptables.InSet{Name: s.name(f), End: end}
}

func notInSet(s *set, f iptables.Family, end iptables.End) iptables.Match {
	return iptables.InSet{Name: s.name(f), End: end, Not: true}
}

// bit is the direction's mark with its mask.
func (x *Index) bit(d direction) iptables.Mark {
	b := x.settings.MarkBits[d]
	return iptables.Mark{Value: b, Mask: b}
}

// frame are the chains that are there whatever the world: the ways in, and how packets are allowed and refused.
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

// entry judges a packet: forwarded ones in both directions, those to the node itself as egress only.
func (x *Index) entry(f iptables.Family, forwarded bool) []iptables.Rule {
	var rules []iptables.Rule
	if f == iptables.V6 {
		// Neighbour discovery (RFC 4861) is no traffic of the pod's, and conntrack does not track it. Hop limit 255: from this link.
		for _, kind := range []iptables.ICMPv6Type{135, 136} {
			rules = append(rules, iptables.Rule{Matches: matches{iptables.ICMPv6, kind, iptables.HopLimit(255)}, Target: iptables.Return})
		}
	}
	rules = append(rules, iptables.Rule{Matches: matches{inState(iptables.Related | iptables.Established)}, Target: iptables.Return})
	ends := []iptables.End{iptables.Source}
	if forwarded {
		ends = append(ends, iptables.Destination)
	}
	// Only packets of pods that a policy selects are changed, and of these only two bits: every other packet keeps its mark.
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

// refusal logs, at a limited rate, and refuses.
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

// rules of a pod's chain: what conntrack cannot place is none of the connections that a policy allows; then each policy
// until one allows.
func (t *targetChain) rules(x *Index) []iptables.Rule {
	undecided := matches{iptables.PacketMark{Mark: x.bit(t.dir), Not: true}}
	rules := make([]iptables.Rule, 0, len(t.policies)+2)
	rules = append(rules, iptables.Rule{Matches: matches{inState(iptables.Invalid)}, Target: iptables.Goto(chainInvalid)})
	for _, p := range t.policies {
		rules = append(rules, iptables.Rule{Matches: undecided, Comment: shorten(p.policy.String()), Target: iptables.Jump(p.name)})
	}
	return append(rules, iptables.Rule{Matches: undecided, Target: iptables.Goto(t.dir.refuseChain())})
}

// rules of a policy's chain: one for each clause that is about this family. It allows by going to a chain that sets the
// mark and returns to the pod's chain.
func (c *policyChain) rules(f iptables.Family) []iptables.Rule {
	rules := []iptables.Rule{}
	allow := iptables.Goto(c.dir.allowChain())
	for _, cl := range c.clauses {
		if cl.block != nil && familyOf(cl.block.CIDR.Addr()) != f {
			continue
		}
		rules = append(rules, iptables.Rule{Matches: cl.portMatches(cl.whoMatches(c.dir, f), f), Comment: shorten(cl.comment(c)), Target: allow})
	}
	return rules
}

// whoMatches matches the peer; the protocol stands where iptables prints it.
func (c clause) whoMatches(d direction, f iptables.Family) matches {
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

// portMatches appends what matches the destination's port.
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

package netpol

import (
	"fmt"
	"strings"

	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// words makes a rule of words, given singly or in groups.
func words(parts ...any) iptables.Rule {
	var r iptables.Rule
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			r.Args = append(r.Args, p)
		case []string:
			r.Args = append(r.Args, p...)
		}
	}
	return r
}

func comment(text string) []string {
	return []string{"-m", "comment", "--comment", shorten(text)}
}

func state(which string) []string { return []string{"-m", "conntrack", "--ctstate", which} }

func matchSet(s *set, f iptables.Family, side string) []string {
	return []string{"-m", "set", "--match-set", s.name(f), side}
}

func notInSet(s *set, f iptables.Family, side string) []string {
	return []string{"-m", "set", "!", "--match-set", s.name(f), side}
}

// bit is the direction's mark with its mask.
func (x *Index) bit(d direction) string {
	b := x.settings.MarkBits[d]
	return fmt.Sprintf("%#x/%#x", b, b)
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
			iptables.Chain{Name: d.allowChain(), Rules: []iptables.Rule{words("-j", "MARK", "--set-xmark", x.bit(d))}},
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
		for _, kind := range []string{"135", "136"} {
			rules = append(rules, words("-p", "ipv6-icmp", "-m", "icmp6", "--icmpv6-type", kind, "-m", "hl", "--hl-eq", "255", "-j", "RETURN"))
		}
	}
	rules = append(rules, words(state("RELATED,ESTABLISHED"), "-j", "RETURN"))
	sides := []string{"src"}
	if forwarded {
		sides = append(sides, "dst")
	}
	for _, side := range sides {
		if x.settings.closes() {
			rules = append(rules, words(matchSet(x.closed, f, side), notInSet(x.known, f, side), "-g", chainUnknown))
		}
		rules = append(rules, words("-p", "tcp", "-m", "tcp", "!", "--tcp-flags", "FIN,SYN,RST,ACK", "SYN",
			matchSet(x.isolated, f, side), state("NEW"), "-g", chainMidway))
	}
	// Only packets of pods that a policy selects are changed, and of these only two bits: every other packet keeps its mark.
	var unmark []iptables.Rule
	for _, side := range sides {
		unmark = append(unmark, words(matchSet(x.isolated, f, side), "-j", "MARK", "--set-xmark", fmt.Sprintf("0x0/%#x", x.settings.Marks())))
	}
	rules = append(rules, unmark...)
	rules = append(rules, words("-j", egress.rootChain()))
	if forwarded {
		rules = append(rules, words("-j", ingress.rootChain()))
	}
	return append(rules, unmark...)
}

// refusal logs, at a limited rate, and refuses.
func (x *Index) refusal(f iptables.Family, why, prefix string, how Denial) []iptables.Rule {
	var rules []iptables.Rule
	if !x.settings.NoLog {
		rules = append(rules, words("-m", "limit", "--limit", fmt.Sprintf("%d/sec", x.settings.LogPerSec),
			"-j", "NFLOG", "--nflog-prefix", "ds-np "+prefix, "--nflog-group", fmt.Sprint(x.settings.LogGroup)))
	}
	if how == Drop {
		return append(rules, words(comment(why), "-j", "DROP"))
	}
	other := "icmp-admin-prohibited"
	if f == iptables.V6 {
		other = "icmp6-adm-prohibited"
	}
	return append(rules,
		words("-p", "tcp", comment(why), "-j", "REJECT", "--reject-with", "tcp-reset"),
		words(comment(why), "-j", "REJECT", "--reject-with", other))
}

// rules of a pod's chain: what conntrack cannot place is none of the connections that a policy allows; then each policy
// until one allows.
func (t *targetChain) rules(x *Index) []iptables.Rule {
	undecided := []string{"-m", "mark", "!", "--mark", x.bit(t.dir)}
	rules := []iptables.Rule{words(state("INVALID"), "-g", chainInvalid)}
	for _, p := range t.policies {
		rules = append(rules, words(undecided, comment(p.policy.String()), "-j", p.name))
	}
	return append(rules, words(undecided, "-g", t.dir.refuseChain()))
}

// rules of a policy's chain: one for each clause that is about this family. It allows by going to a chain that sets the
// mark and returns to the pod's chain.
func (c *policyChain) rules(f iptables.Family) []iptables.Rule {
	rules := []iptables.Rule{}
	for _, cl := range c.clauses {
		if cl.block != nil && familyOf(cl.block.CIDR.Addr()) != f {
			continue
		}
		rules = append(rules, words(cl.whoWords(c.dir, f), cl.portWords(f), comment(cl.comment(c)), "-g", c.dir.allowChain()))
	}
	return rules
}

// whoWords matches the peer; the protocol stands where iptables prints it.
func (c clause) whoWords(d direction, f iptables.Family) []string {
	var out []string
	if c.block != nil && c.block.CIDR.Bits() > 0 {
		out = append(out, d.way().far, c.block.CIDR.Masked().String())
	}
	if c.protocol != "" {
		out = append(out, "-p", string(c.protocol))
	}
	if c.members != nil {
		out = append(out, matchSet(c.members, f, d.way().other)...)
	}
	if c.except != nil {
		out = append(out, notInSet(c.except, f, d.way().other)...)
	}
	return out
}

func (c clause) portWords(f iptables.Family) []string {
	switch {
	case c.named != nil:
		return matchSet(c.named, f, "dst,dst")
	case len(c.ports) == 0:
		return nil
	case len(c.ports) == 1:
		return []string{"-m", string(c.protocol), "--dport", portRange(c.ports[0])}
	}
	ranges := make([]string, len(c.ports))
	for i, p := range c.ports {
		ranges[i] = portRange(p)
	}
	return []string{"-m", "multiport", "--dports", strings.Join(ranges, ",")}
}

func portRange(p netpolicy.Port) string {
	if p.First == p.Last {
		return fmt.Sprint(p.First)
	}
	return fmt.Sprintf("%d:%d", p.First, p.Last)
}

package netpol

import (
	"cmp"
	"fmt"
	"slices"

	"data-space.liqo.io/pkg/values/netpolicy"
)

func (c clause) sets() []*set {
	var out []*set
	for _, s := range []*set{c.members, c.except, c.named} {
		if s != nil {
			out = append(out, s)
		}
	}
	return out
}

// clauses returns the clauses of one direction of a policy and holds the sets that they use.
func (x *Index) clauses(c *policyChain) []clause {
	var out []clause
	for i, rule := range c.policy.side(c.dir).Rules {
		peers := rule.Peers
		if rule.AnyPeer {
			peers = []netpolicy.Peer{{}}
		}
		for j, peer := range peers {
			at := clause{rule: i, peer: j, text: peer.String()}
			if rule.AnyPeer {
				at.peer, at.text = -1, "anybody"
			} else if peer.Block == nil && peer.Pods == nil {
				continue
			}
			out = append(out, x.portClauses(c, at, rule, peer)...)
		}
	}
	return out
}

// portClauses returns the clauses of one peer of a rule: one for each protocol and as many numbers as one rule of the kernel takes. For egress, a
// named port is a clause of its own, since its number is another one in each pod that receives (set of address and port).
func (x *Index) portClauses(c *policyChain, at clause, rule netpolicy.Rule, peer netpolicy.Peer) []clause {
	if rule.AnyPort {
		return []clause{x.withPeer(c, at, peer)}
	}
	var out []clause
	numbers := map[netpolicy.Protocol][]netpolicy.Port{}
	for _, port := range rule.Ports {
		switch {
		case port.Protocol == "":
		case port.Name != "" && c.dir == egress:
			out = append(out, x.namedClause(c, at, peer, port))
		case port.Name != "":
			numbers[port.Protocol] = append(numbers[port.Protocol], c.lookUp(port)...)
		default:
			numbers[port.Protocol] = append(numbers[port.Protocol], port)
		}
	}
	for _, protocol := range []netpolicy.Protocol{netpolicy.TCP, netpolicy.UDP, netpolicy.SCTP} {
		for _, some := range chunks(numbers[protocol]) {
			one := x.withPeer(c, at, peer)
			one.protocol, one.ports = protocol, some
			out = append(out, one)
		}
	}
	return out
}

// withPeer returns the clause with the fields of the peer set.
func (x *Index) withPeer(c *policyChain, at clause, peer netpolicy.Peer) clause {
	switch {
	case at.peer < 0:
	case peer.Block != nil:
		at.block = peer.Block
		if len(peer.Block.Except) > 0 {
			at.except = x.exceptSet(c, peer.Block)
		}
	default:
		at.members = x.groupSet(c, groupOf(c, peer, netpolicy.Port{}))
	}
	return at
}

// namedClause returns the clause for egress to a named port. The destination pod defines the number, so only pods match.
func (x *Index) namedClause(c *policyChain, at clause, peer netpolicy.Peer, port netpolicy.Port) clause {
	if at.peer >= 0 && peer.Block == nil {
		at.named = x.groupSet(c, groupOf(c, peer, port))
		return at
	}
	at = x.withPeer(c, at, peer)
	at.named = x.groupSet(c, group{pods: netpolicy.Everything(), port: port})
	return at
}

func groupOf(c *policyChain, peer netpolicy.Peer, port netpolicy.Port) group {
	g := group{namespaces: peer.Namespaces, pods: *peer.Pods, port: port}
	if g.namespaces == nil {
		g.own = c.policy.Namespace
	}
	return g
}

// lookUp returns the numbers of a named port in the pods of the chain.
func (c *policyChain) lookUp(port netpolicy.Port) []netpolicy.Port {
	for _, r := range c.resolved {
		if r.Name == port.Name && r.Protocol == port.Protocol {
			return []netpolicy.Port{{Protocol: r.Protocol, First: r.Number, Last: r.Number}}
		}
	}
	return nil
}

// chunks splits ports into groups that one rule can match: every port, or up to 15 numbers, where a range counts as two
// (xt_multiport).
func chunks(ports []netpolicy.Port) [][]netpolicy.Port {
	if len(ports) == 0 {
		return nil
	}
	if slices.ContainsFunc(ports, netpolicy.Port.Every) {
		return [][]netpolicy.Port{nil}
	}
	ports = slices.Clone(ports)
	slices.SortFunc(ports, func(a, b netpolicy.Port) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
	})
	ports = slices.Compact(ports)
	var out [][]netpolicy.Port
	room := 0
	for _, p := range ports {
		needs := 1
		if p.First != p.Last {
			needs = 2
		}
		if room < needs {
			out = append(out, nil)
			room = 15
		}
		out[len(out)-1] = append(out[len(out)-1], p)
		room -= needs
	}
	return out
}

// comment returns the comment of the clause's rule: policy, index and peer.
func (c clause) comment(p *policyChain) string {
	peer := "from"
	if p.dir == egress {
		peer = "to"
	}
	if c.peer < 0 {
		return fmt.Sprintf("%s %s[%d] %s anybody", p.policy.Key, p.dir, c.rule, peer)
	}
	return fmt.Sprintf("%s %s[%d] %s[%d] %s", p.policy.Key, p.dir, c.rule, peer, c.peer, c.text)
}

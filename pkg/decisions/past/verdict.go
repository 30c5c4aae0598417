package past

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Question is a connection of a pod.
type Question struct {
	Pod      netpolicy.Key
	Other    netip.Addr // the other end
	Incoming bool       // the other end calls the pod
	Protocol netpolicy.Protocol
	Port     uint16 // of the receiver
}

// Answer is what NetworkPolicy made of it.
type Answer struct {
	Known   bool     `json:"known"` // otherwise the logs do not have all that decided
	Allowed bool     `json:"allowed"`
	Lines   []string `json:"lines"`             // each direction in words, with the lines of the logs that it is from
	Missing []string `json:"missing,omitempty"` // what the logs do not have
}

// Judge answers a question from what was added.
func (r *Record) Judge(q Question) Answer {
	nodes := map[string]*node{}
	for name, n := range r.nodes {
		nodes[name] = n.at()
	}
	pod, own, found := holderNamed(nodes, q)
	if !found {
		return Answer{Missing: []string{fmt.Sprintf("no node's log has addresses of pod %s at that time", q.Pod)}}
	}
	packet := netpol.Packet{From: own, To: q.Other, Protocol: q.Protocol, Port: q.Port}
	if q.Incoming {
		packet.From, packet.To = q.Other, own
	}
	a := Answer{Known: true, Allowed: true}
	other, isPod := a.holderOf(nodes, q.Other)
	_, _ = a.holderOf(nodes, own) // notes a second pod with the address
	if !isPod {
		outside := fmt.Sprintf("%s: of no pod that the logs have; judged as an address outside", q.Other)
		if q.Incoming {
			outside += " (a node itself always reaches its pods)"
		}
		a.Lines = append(a.Lines, outside)
		for _, name := range names(nodes) { // it may be a pod of a node whose log is not whole
			a.miss(nodes[name])
		}
	}
	for _, end := range []struct {
		pod    seen
		is     bool
		egress bool
	}{{pod, true, !q.Incoming}, {other, isPod, q.Incoming}} {
		if end.is {
			a.side(nodes, end.pod, end.egress, packet)
		}
	}
	a.Known = len(a.Missing) == 0
	return a
}

// side judges the direction of one pod, on its node.
func (a *Answer) side(nodes map[string]*node, p seen, egress bool, packet netpol.Packet) {
	n := nodes[p.Node]
	a.miss(n)
	a.cut(p)
	a.once(nodes, p.Key)
	x := netpol.New(netpol.Settings{Node: n.name, IPv6: true, NoLog: true})
	x.Apply(n.changes(nodes)...)
	v := x.Explain(packet)
	finding, direction := v.Ingress, "ingress"
	if egress {
		finding, direction = v.Egress, "egress"
	}
	a.Allowed = a.Allowed && finding.Allowed
	text := fmt.Sprintf("%s of %s on node %s (line %d): ", direction, p.Key, n.name, p.line)
	switch {
	case finding.Pod == netpolicy.Key{}:
		text += "allowed, " + finding.Why
	case finding.Chain == "":
		text += "allowed, no policy judged it"
	case finding.Allowed:
		text += fmt.Sprintf("allowed by %q of NetworkPolicy %s (line %d)", finding.Rule, finding.Policy, n.policies[finding.Policy].line)
	default:
		against := make([]string, len(finding.Against))
		for i, key := range finding.Against {
			against[i] = fmt.Sprintf("%s (line %d)", key, n.policies[key].line)
		}
		text += "refused, none of its policies allowed it: " + strings.Join(against, ", ")
	}
	a.Lines = append(a.Lines, text)
	if n.stopped {
		a.Lines = append(a.Lines, fmt.Sprintf("no agent ran on node %s then: its kernel held the rules of before", n.name))
	}
	for _, policy := range n.policies {
		if policy.err != nil && policy.Namespace == p.Namespace {
			a.missing(fmt.Sprintf("node %s, line %d: NetworkPolicy %s: %v", n.name, policy.line, policy.Key, policy.err))
		}
	}
}

// changes are the policies of the node's log, and the pods of all.
func (n *node) changes(nodes map[string]*node) []netpol.Change {
	var all []netpol.Change
	for _, name := range names(nodes) {
		for _, p := range nodes[name].pods {
			if len(p.space) > 0 { // each namespace has a label, its name
				all = append(all, netpol.NamespaceSeen{Namespace: netpolicy.Namespace{Name: p.Namespace, Labels: p.space}})
			}
			all = append(all, netpol.PodSeen{Pod: p.Pod})
		}
	}
	for _, p := range n.policies {
		if p.err == nil {
			all = append(all, netpol.PolicySeen{Policy: p.Policy})
		}
	}
	return all
}

// miss notes what a node's log does not have.
func (a *Answer) miss(n *node) {
	switch {
	case n.twice:
		a.missing(fmt.Sprintf("node %s: at which of several moments; its clock was set back, and passed that time more than once", n.name))
	case !n.whole:
		a.missing(fmt.Sprintf("node %s: %s", n.name, n.gap))
	case !n.inForce:
		a.missing(fmt.Sprintf("node %s: its agent had not read all policies yet", n.name))
	}
}

// once notes that several nodes have a pod of that name: an agent that was killed did not record that its one is gone.
func (a *Answer) once(nodes map[string]*node, pod netpolicy.Key) {
	on := slices.DeleteFunc(names(nodes), func(name string) bool { _, is := nodes[name].pods[pod]; return !is })
	if len(on) > 1 {
		a.missing(fmt.Sprintf("on which of the nodes %s pod %s was", strings.Join(on, ", "), pod))
	}
}

func (a *Answer) missing(text string) {
	if !slices.Contains(a.Missing, text) {
		a.Missing = append(a.Missing, text)
	}
}

// holderNamed returns the pod that is asked about, and its address of the other end's family.
func holderNamed(nodes map[string]*node, q Question) (seen, netip.Addr, bool) {
	for _, name := range names(nodes) {
		for _, ip := range nodes[name].pods[q.Pod].IPs {
			if ip.Is4() == q.Other.Unmap().Is4() {
				return nodes[name].pods[q.Pod], ip, true
			}
		}
	}
	return seen{}, netip.Addr{}, false
}

// holderOf returns the pod that had an address.
func (a *Answer) holderOf(nodes map[string]*node, ip netip.Addr) (holder seen, found bool) {
	for _, name := range names(nodes) {
		for _, p := range nodes[name].pods {
			if !slices.Contains(p.IPs, ip.Unmap()) {
				continue
			}
			if found {
				a.missing(fmt.Sprintf("%s: of which of the pods %s and %s it was", ip, min(holder.String(), p.String()), max(holder.String(), p.String())))
			}
			holder, found = p, true
		}
	}
	return holder, found
}

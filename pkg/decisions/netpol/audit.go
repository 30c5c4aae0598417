package netpol

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/netpolicy"
)

// WouldRefuse is one direction of a connection that policies in mode Audit would refuse if they were enforced.
type WouldRefuse struct {
	Direction string
	Pod       netpolicy.Key
	Policies  []netpolicy.Key // policies in mode Audit that select the pod, by name
}

// describe returns it as a sentence.
func (w WouldRefuse) describe() string {
	names := make([]string, len(w.Policies))
	for i, k := range w.Policies {
		names[i] = k.String()
	}
	return fmt.Sprintf("%s of %s: would be refused if the policies in mode Audit were in force, none of which allows it (%s)", w.Direction, w.Pod, strings.Join(names, ", "))
}

// audit adds a policy in mode Audit to its namespace. unaudit removes it.
func (x *Index) audit(ns *namespace, p *policy) {
	if p.Audited != nil {
		ns.audited.add(*p.Audited, p)
		x.audits++
	}
}

func (x *Index) unaudit(ns *namespace, p *policy) {
	if p.Audited != nil {
		ns.audited.remove(*p.Audited, p)
		x.audits--
	}
}

// Audits reports whether the index knows a policy in mode Audit.
func (x *Index) Audits() bool { return x.audits > 0 }

// Audit evaluates the policies in mode Audit for a packet that the enforced policies allow. It returns the directions in which
// no policy would allow the packet. One policy that allows the packet is enough, as for enforced policies.
func (x *Index) Audit(p Packet) []WouldRefuse {
	if x.audits == 0 {
		return nil
	}
	var all []WouldRefuse
	for _, d := range directions() {
		pod := x.judged(d, p)
		if pod == nil {
			continue
		}
		policies := pod.auditing(d)
		if len(policies) == 0 || slices.ContainsFunc(policies, func(pol *policy) bool { return x.permits(pol, d, pod, p) }) {
			continue
		}
		if t := pod.chain(d); t != nil {
			if by, _ := x.allows(t, p); by != nil {
				continue
			}
		}
		found := WouldRefuse{Direction: d.String(), Pod: pod.Key}
		for _, pol := range policies {
			found.Policies = append(found.Policies, pol.Key)
		}
		slices.SortFunc(found.Policies, func(a, b netpolicy.Key) int { return cmp.Compare(a.String(), b.String()) })
		all = append(all, found)
	}
	return all
}

// auditing returns the policies in mode Audit that apply to the direction of the pod.
func (p *pod) auditing(d direction) []*policy {
	var out []*policy
	p.ns.audited.each(p.Labels, func(pol *policy) {
		if pol.side(d).Isolates && pol.Audited.Matches(p.Labels) {
			out = append(out, pol)
		}
	})
	return out
}

// permits reports whether a policy without a chain allows a packet in one direction of a pod.
func (x *Index) permits(pol *policy, d direction, own *pod, p Packet) bool {
	far := p.From
	if d == egress {
		far = p.To
	}
	peer := x.holder(far)
	to := own
	if d == egress {
		to = peer
	}
	return slices.ContainsFunc(pol.side(d).Rules, func(r netpolicy.Rule) bool {
		return (r.AnyPeer || slices.ContainsFunc(r.Peers, func(one netpolicy.Peer) bool { return pol.means(one, far, peer) })) &&
			(r.AnyPort || slices.ContainsFunc(r.Ports, func(one netpolicy.Port) bool { return meansPort(one, to, p) }))
	})
}

func (p *policy) means(peer netpolicy.Peer, far netip.Addr, holder *pod) bool {
	switch {
	case peer.Block != nil:
		return peer.Block.Contains(far)
	case peer.Pods == nil || holder == nil:
		return false
	case peer.Namespaces == nil:
		return holder.Namespace == p.Namespace && peer.Pods.Matches(holder.Labels)
	default:
		return holder.ns.seen && peer.Namespaces.Matches(holder.ns.labels) && peer.Pods.Matches(holder.Labels)
	}
}

func meansPort(port netpolicy.Port, to *pod, p Packet) bool {
	if port.Protocol == "" || port.Protocol != p.Protocol {
		return false
	}
	if port.Name == "" {
		return port.First <= p.Port && p.Port <= port.Last
	}
	if to == nil {
		return false
	}
	number, there := to.Port(port.Name, port.Protocol)
	return there && number == p.Port
}

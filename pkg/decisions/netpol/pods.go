package netpol

import (
	"cmp"
	"net/netip"
	"slices"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/netpolicy"
)

func (c PodSeen) apply(x *Index) {
	ns := x.namespace(c.Pod.Namespace)
	p, ok := ns.pods[c.Pod.Name]
	switch {
	case !ok:
		p = &pod{ns: ns}
		ns.pods[c.Pod.Name] = p
	case len(c.Pod.IPs) == 0 && p.Created == c.Pod.Created:
		c.Pod.IPs = p.early()
	case p.here != nil:
		p.here.early = nil
	}
	p.listed = x.lists[Pods].number
	if !ok || !p.Equal(c.Pod) {
		x.change(p, c.Pod, false)
	}
}

// early returns the addresses that AddressSeen reported for the pod.
func (p *pod) early() []netip.Addr {
	if p.here == nil {
		return nil
	}
	return p.here.early
}

func (c AddressSeen) apply(x *Index) {
	ns, ok := x.namespaces[c.Key.Namespace]
	if !ok {
		return
	}
	p := ns.pods[c.Key.Name]
	if p == nil || p.Node != x.settings.Node || !p.Judged() || p.Terminating {
		return // not a pod of this node that may start
	}
	next := p.Pod
	next.IPs = c.IPs
	if p.here == nil {
		p.here = &here{}
	}
	p.here.early = c.IPs
	x.change(p, next, false)
}

func (c PodGone) apply(x *Index) {
	ns, ok := x.namespaces[c.Key.Namespace]
	if !ok || ns.pods[c.Key.Name] == nil {
		return
	}
	p := ns.pods[c.Key.Name]
	x.change(p, p.Pod, true)
	delete(ns.pods, c.Key.Name)
	x.tx.emptied(ns)
}

// change sets the pod's new value, and updates the pod and every pod that gains or loses an address by the change.
func (x *Index) change(p *pod, next netpolicy.Pod, gone bool) {
	claimed := p.claimed()
	changed := &pod{Pod: next, gone: gone}
	ips := slices.Concat(claimed, changed.claimed())
	before := x.holdersOf(ips)
	for _, ip := range claimed {
		x.disclaim(ip, p)
	}
	p.Pod, p.gone = next, gone
	for _, ip := range p.claimed() {
		x.claim(ip, p)
	}
	concerned := map[*pod]struct{}{p: {}}
	for i, holder := range x.holdersOf(ips) {
		if holder != before[i] {
			concerned[holder], concerned[before[i]] = struct{}{}, struct{}{}
		}
	}
	delete(concerned, nil)
	if gone || p.Node != x.settings.Node {
		delete(p.ns.local, p)
	} else {
		p.ns.local[p] = struct{}{}
	}
	x.tx.pods = x.tx.pods || len(concerned) > 1
	for q := range concerned { // settle all of them before refresh: the chains of one pod may create a group that reads the others
		x.settle(q)
	}
	for q := range concerned {
		x.refresh(q)
	}
	x.await(p)
	x.reclose()
}

// claimed returns the addresses of the pod's status by which policies may match the pod.
func (p *pod) claimed() []netip.Addr {
	if p.gone || !p.Judged() {
		return nil
	}
	return p.IPs
}

// claim adds the pod to the claimants of the address.
func (x *Index) claim(ip netip.Addr, p *pod) {
	holder := x.holders[ip]
	if holder == nil {
		x.holders[ip] = p
		return
	}
	if len(x.claims[ip]) == 0 {
		x.claims[ip] = []*pod{holder}
	}
	x.claims[ip] = append(x.claims[ip], p)
	slices.SortFunc(x.claims[ip], precedence)
	x.holders[ip] = x.claims[ip][0]
}

// disclaim removes the pod from the claimants of the address.
func (x *Index) disclaim(ip netip.Addr, p *pod) {
	claims, several := x.claims[ip]
	if !several {
		if x.holders[ip] == p {
			delete(x.holders, ip)
		}
		return
	}
	claims = slices.DeleteFunc(claims, func(q *pod) bool { return q == p })
	if len(claims) == 0 { // the pod's status may contain the address twice
		delete(x.claims, ip)
		delete(x.holders, ip)
		return
	}
	x.claims[ip], x.holders[ip] = claims, claims[0]
	if len(claims) == 1 {
		delete(x.claims, ip)
	}
}

func (x *Index) holdersOf(ips []netip.Addr) []*pod {
	out := make([]*pod, len(ips))
	for i, ip := range ips {
		out[i] = x.holder(ip)
	}
	return out
}

// holder returns the pod that holds the address; nil: no pod.
func (x *Index) holder(ip netip.Addr) *pod { return x.holders[ip] }

// precedence orders pods that claim one address. It prefers a pod that is not terminating, then the youngest. The remaining keys
// make the order the same on every node.
func precedence(a, b *pod) int {
	if a.Terminating != b.Terminating {
		if a.Terminating {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(b.Created, a.Created), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// settle computes the addresses that the pod holds.
func (x *Index) settle(p *pod) {
	before := p.ips
	p.ips = p.claimed()
	if slices.ContainsFunc(p.ips, func(ip netip.Addr) bool { return x.holder(ip) != p }) {
		p.ips = slices.DeleteFunc(slices.Clone(p.ips), func(ip netip.Addr) bool { return x.holder(ip) != p })
	}
	x.tx.moved(before, p.ips)
}

// refresh updates the pod's groups and chains after a change of the pod.
func (x *Index) refresh(p *pod) {
	want := map[*set][]ipset.Entry{}
	if len(p.ips) > 0 {
		look := func(s *set) {
			if entries := s.group.entriesOf(p); len(entries) > 0 {
				want[s] = entries
			}
		}
		x.broad.each(p.Labels, look)
		p.ns.groups.each(p.Labels, look)
	}
	for s := range p.sets {
		if _, stays := want[s]; !stays && !s.standing {
			x.enter(p, s, nil)
		}
	}
	for s, entries := range want {
		x.enter(p, s, entries)
	}
	x.enter(p, x.known, p.localEntries(x))
	x.retarget(p)
}

// local reports whether this node evaluates the pod's packets.
func (p *pod) local(x *Index) bool { return !p.gone && p.Node == x.settings.Node && len(p.ips) > 0 }

func (p *pod) localEntries(x *Index) []ipset.Entry {
	if !p.local(x) {
		return nil
	}
	entries := make([]ipset.Entry, len(p.ips))
	for i, ip := range p.ips {
		entries[i] = ipset.Address(ip)
	}
	return entries
}

// enter sets the pod's entries in the set to exactly these.
func (x *Index) enter(p *pod, s *set, entries []ipset.Entry) {
	for _, e := range p.sets[s] {
		if !slices.Contains(entries, e) && s.entries[e] == p {
			x.tx.touch(s, e)
			delete(s.entries, e)
		}
	}
	for _, e := range entries {
		if holder, there := s.entries[e]; !there || holder != p {
			x.tx.touch(s, e)
			s.entries[e] = p
		}
	}
	if len(entries) == 0 {
		delete(p.sets, s)
		return
	}
	if p.sets == nil {
		p.sets = map[*set][]ipset.Entry{}
	}
	p.sets[s] = entries
}

// await updates waiting: the foreign pods that run or start on this node and have no address.
func (x *Index) await(p *pod) {
	if !p.gone && p.Judged() && p.Node == x.settings.Node && len(p.IPs) == 0 && p.ns.foreign() {
		x.waiting[p] = struct{}{}
		return
	}
	delete(x.waiting, p)
}

func (c RangesSeen) apply(x *Index) {
	for e := range x.closed.entries {
		x.tx.touch(x.closed, e)
		delete(x.closed.entries, e)
	}
	x.settings.PodCIDRs = c.PodCIDRs
	x.tx.frame = true
	x.reclose()
}

// reclose updates the closed set: the prefixes in which an address that no known pod holds is refused.
func (x *Index) reclose() {
	closing := x.settings.closes() && (x.settings.Unknown == UnknownClosed || len(x.waiting) > 0)
	for _, prefix := range x.settings.PodCIDRs {
		for _, half := range ipset.Halves(prefix.Masked()) {
			e := ipset.Entry{Prefix: half}
			if _, there := x.closed.entries[e]; there == closing {
				continue
			}
			x.tx.touch(x.closed, e)
			if closing {
				x.closed.entries[e] = nil
			} else {
				delete(x.closed.entries, e)
			}
		}
	}
}

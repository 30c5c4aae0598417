package netpol

import (
	"cmp"
	"net/netip"
	"slices"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// transaction collects the objects that a call of Apply touches, so that the call's cost depends on these only.
type transaction struct {
	single     bool // the changes happened in the cluster at one moment
	pods       bool // the transaction concerns more than one pod
	touched    map[*set]map[ipset.Entry]was
	used       map[*set]struct{} // the chains that use the set changed
	targets    map[string]*targetChain
	policies   map[string]*policyChain
	namespaces map[string]*namespace    // candidates for deletion from the index
	frame      bool                     // the entry chains may have changed
	retargeted [2]map[*pod]*targetChain // pods that got another chain, with the chain that they had before the transaction
	appeared   map[netip.Addr]struct{}  // addresses that no pod held before
	vanished   map[netip.Addr]struct{}  // addresses that no pod holds now
}

// was is the state of a member before the transaction.
type was struct {
	there bool
	pod   *pod
}

func (x *Index) begin(single bool) {
	x.tx = &transaction{
		single: single, touched: map[*set]map[ipset.Entry]was{}, used: map[*set]struct{}{},
		targets: map[string]*targetChain{}, policies: map[string]*policyChain{}, namespaces: map[string]*namespace{},
		appeared: map[netip.Addr]struct{}{}, vanished: map[netip.Addr]struct{}{},
	}
	for _, d := range directions() {
		x.tx.retargeted[d] = map[*pod]*targetChain{}
	}
}

// touch records the member's state. Callers must call it before they change the member.
func (t *transaction) touch(s *set, e ipset.Entry) {
	if t.touched[s] == nil {
		t.touched[s] = map[ipset.Entry]was{}
	}
	if _, known := t.touched[s][e]; !known {
		p, there := s.entries[e]
		t.touched[s][e] = was{there: there, pod: p}
	}
}

func (t *transaction) set(s *set) { t.used[s] = struct{}{} }

func (t *transaction) target(c *targetChain) { t.targets[c.name] = c }

func (t *transaction) emptied(n *namespace) { t.namespaces[n.name] = n }

func (t *transaction) policy(c *policyChain) { t.policies[c.name] = c }

// moved records the addresses that no pod held before, and those that no pod holds now.
func (t *transaction) moved(before, after []netip.Addr) {
	for _, ip := range before {
		if !slices.Contains(after, ip) {
			move(ip, t.appeared, t.vanished)
		}
	}
	for _, ip := range after {
		if !slices.Contains(before, ip) {
			move(ip, t.vanished, t.appeared)
		}
	}
}

// move adds ip to to. If from has ip, move deletes it there instead: the two changes cancel out.
func move(ip netip.Addr, from, to map[netip.Addr]struct{}) {
	if _, undone := from[ip]; undone {
		delete(from, ip)
		return
	}
	to[ip] = struct{}{}
}

// difference is the change of a set's members.
type difference struct {
	set        *set
	adds, dels []ipset.Entry
}

// differences returns the net changes of the sets that the kernel holds before and after, sorted by name.
func (x *Index) differences() []difference {
	var out []difference
	for s, entries := range x.tx.touched {
		if !s.written || !s.live() {
			continue
		}
		d := difference{set: s}
		for e, before := range entries {
			_, now := s.entries[e]
			if now && !before.there {
				d.adds = append(d.adds, e)
			}
			if !now && before.there {
				d.dels = append(d.dels, e)
			}
		}
		if len(d.adds)+len(d.dels) > 0 {
			slices.SortFunc(d.adds, compareEntries)
			slices.SortFunc(d.dels, compareEntries)
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b difference) int {
		return cmp.Compare(a.set.name(iptables.V4), b.set.name(iptables.V4))
	})
	return out
}

// remade returns the sets that must change in one transaction with chains or with each other. They are created under their
// other name, and the chains that use them are written again. Otherwise a packet could get the old verdict of one direction and
// the new verdict of the other, and pass although neither state of the cluster allows it.
func (x *Index) remade(diffs []difference) map[*set]struct{} {
	out := map[*set]struct{}{}
	moves := x.moves(diffs)
	if x.tx.single && !x.tx.pods && len(moves.pods) == 1 {
		for s := range moves.sets {
			if x.changesBothDirections(s, moves.pods) {
				out[s] = struct{}{}
			}
		}
		return out
	}
	effect := x.effect(diffs)
	for s := range moves.sets {
		if effect.opens(s) {
			out[s] = struct{}{}
		}
	}
	return out
}

// moves has the pods that exist before and after and that join or leave groups.
type moves struct {
	pods map[*pod]struct{}
	sets map[*set]struct{}
}

func (x *Index) moves(diffs []difference) moves {
	m := moves{pods: map[*pod]struct{}{}, sets: map[*set]struct{}{}}
	for _, d := range diffs {
		if d.set.standing {
			continue
		}
		for _, e := range slices.Concat(d.adds, d.dels) {
			if x.inPlace(e) {
				m.pods[x.mover(d.set, e)] = struct{}{}
				m.sets[d.set] = struct{}{}
			}
		}
	}
	return m
}

// changesBothDirections reports whether a pod that joins or leaves the set also gets another chain in the opposite direction of
// the set's users. Then two changes decide on packets between the pod and the users.
func (x *Index) changesBothDirections(s *set, pods map[*pod]struct{}) bool {
	for p := range pods {
		_, out := x.tx.retargeted[egress][p]
		_, in := x.tx.retargeted[ingress][p]
		if out && s.used(ingress) || in && s.used(egress) {
			return true
		}
	}
	return false
}

// inPlace reports whether a pod held the member's address before and a pod holds it now. Only then can a packet meet the change
// halfway.
func (x *Index) inPlace(e ipset.Entry) bool {
	_, appeared := x.tx.appeared[e.Prefix.Addr()]
	_, vanished := x.tx.vanished[e.Prefix.Addr()]
	return !appeared && !vanished
}

func (x *Index) mover(s *set, e ipset.Entry) *pod {
	if p := s.entries[e]; p != nil {
		return p
	}
	return x.tx.touched[s][e].pod
}

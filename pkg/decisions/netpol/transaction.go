package netpol

import (
	"cmp"
	"net/netip"
	"slices"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// transaction collects what a call of Apply touches, so that its cost is that of the touched.
type transaction struct {
	single     bool // one change in the cluster
	pods       bool // more than one pod is concerned
	touched    map[*set]map[ipset.Entry]was
	used       map[*set]*set // users changed
	targets    map[string]*targetChain
	policies   map[string]*policyChain
	namespaces map[string]*namespace // perhaps nothing is left of them
	retargeted [2]map[*pod]struct{}
	appeared   map[netip.Addr]struct{} // no pod had it before
	vanished   map[netip.Addr]struct{} // no pod has it now
}

// was is what a member was before.
type was struct {
	there bool
	pod   *pod
}

func (x *Index) begin(single bool) {
	x.tx = &transaction{
		single: single, touched: map[*set]map[ipset.Entry]was{}, used: map[*set]*set{},
		targets: map[string]*targetChain{}, policies: map[string]*policyChain{}, namespaces: map[string]*namespace{},
		appeared: map[netip.Addr]struct{}{}, vanished: map[netip.Addr]struct{}{},
	}
	for _, d := range directions() {
		x.tx.retargeted[d] = map[*pod]struct{}{}
	}
}

// touch must come before a member changes.
func (t *transaction) touch(s *set, e ipset.Entry) {
	if t.touched[s] == nil {
		t.touched[s] = map[ipset.Entry]was{}
	}
	if _, known := t.touched[s][e]; !known {
		p, there := s.entries[e]
		t.touched[s][e] = was{there: there, pod: p}
	}
}

func (t *transaction) set(s *set)            { t.used[s] = s }
func (t *transaction) target(c *targetChain) { t.targets[c.name] = c }
func (t *transaction) emptied(n *namespace)  { t.namespaces[n.name] = n }
func (t *transaction) policy(c *policyChain) { t.policies[c.name] = c }

// moved notes which addresses no pod had before, and which none has now.
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

// move notes ip in to, or, if it was noted in from, that nothing happened to it.
func move(ip netip.Addr, from, to map[netip.Addr]struct{}) {
	if _, undone := from[ip]; undone {
		delete(from, ip)
		return
	}
	to[ip] = struct{}{}
}

// difference is how a set's members changed.
type difference struct {
	set        *set
	adds, dels []ipset.Entry
}

// commit turns what was touched into a Delta and takes the kernel to hold it.
func (x *Index) commit() Delta {
	x.sweep()
	diffs := x.differences()
	remade := x.remade(diffs)
	for s := range remade {
		s.turn = !s.turn
		for _, users := range s.users {
			for c := range users {
				x.tx.policy(c)
			}
		}
	}
	delta := x.chainDeltas()
	x.setOps(&delta, diffs, remade)
	delta.Judge = len(delta.Chains) > 0 || len(delta.After) > 0 || len(delta.Before) > 0
	x.tx = nil
	return delta
}

// differences are the net changes of sets that the kernel has and that stay, sorted by name.
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

// remade chooses the sets that must change together with chains, or with each other, in one transaction: they are made
// anew under their other name, and the chains that use them are written again. That is where a packet could otherwise
// meet the old verdict of one direction and the new one of the other, and pass although neither world allows it.
func (x *Index) remade(diffs []difference) map[*set]struct{} {
	out := map[*set]struct{}{}
	movers := map[*pod]struct{}{}
	var changed []*set
	uses := [2]bool{}
	for _, d := range diffs {
		if d.set.standing {
			continue
		}
		moves := false
		for _, e := range slices.Concat(d.adds, d.dels) {
			if x.inPlace(e) {
				moves = true
				movers[x.mover(d.set, e)] = struct{}{}
			}
		}
		if moves {
			changed = append(changed, d.set)
			uses[egress] = uses[egress] || d.set.used(egress)
			uses[ingress] = uses[ingress] || d.set.used(ingress)
		}
	}
	one := x.tx.single && !x.tx.pods && len(movers) == 1
	for _, s := range changed {
		switch {
		case one:
			for p := range movers {
				_, out1 := x.tx.retargeted[egress][p]
				_, in1 := x.tx.retargeted[ingress][p]
				if out1 && s.used(ingress) || in1 && s.used(egress) {
					out[s] = struct{}{}
				}
			}
		case uses[egress] && uses[ingress], len(x.tx.policies) > 0, len(x.tx.targets) > 0:
			out[s] = struct{}{}
		}
	}
	return out
}

// inPlace reports whether the member's address was and is some pod's: only then does somebody see the change halfway.
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

// chainDeltas renders what was touched and keeps what differs from what the kernel holds.
func (x *Index) chainDeltas() Delta {
	var delta Delta
	for _, f := range x.settings.families() {
		d := ChainDelta{Family: f}
		put := func(name string, live bool, rules []iptables.Rule) {
			held, there := x.rendered[f][name]
			switch {
			case !live && there:
				delete(x.rendered[f], name)
				d.Gone = append(d.Gone, name)
			case live && (!there || !sameRules(held, rules)):
				x.rendered[f][name] = rules
				d.Changed = append(d.Changed, iptables.Chain{Name: name, Policy: iptables.NoPolicy, Rules: rules})
			}
		}
		for name, c := range x.tx.policies {
			held, live := x.policies[name]
			if live = live && held == c; live {
				put(name, true, c.rules(x, f))
			} else if held == nil {
				put(name, false, nil)
			}
		}
		for name, c := range x.tx.targets {
			if held := x.targets[name]; held == c {
				put(name, true, c.rules(x, f))
			} else if held == nil {
				put(name, false, nil)
			}
		}
		for _, way := range directions() {
			chains, gone := x.tree[way][f].changed()
			for _, c := range chains {
				put(c.Name, true, c.Rules)
			}
			for _, name := range gone {
				put(name, false, nil)
			}
		}
		if len(d.Changed)+len(d.Gone) == 0 {
			continue
		}
		slices.SortFunc(d.Changed, func(a, b iptables.Chain) int { return cmp.Compare(a.Name, b.Name) })
		slices.Sort(d.Gone)
		delta.Chains = append(delta.Chains, d)
	}
	return delta
}

func sameRules(a, b []iptables.Rule) bool {
	return slices.EqualFunc(a, b, func(a, b iptables.Rule) bool { return slices.Equal(a.Args, b.Args) })
}

// setOps orders the changes of sets round those of chains. What opens comes last for addresses that are new, what closes
// first for those that are gone; a pod that only moves is added before it is taken away.
func (x *Index) setOps(delta *Delta, diffs []difference, remade map[*set]struct{}) {
	var gone, made, added, appeared, deleted, destroyed []ipset.Op
	for _, f := range x.settings.families() {
		for _, d := range diffs {
			if _, again := remade[d.set]; again {
				destroyed = append(destroyed, ipset.Op{Verb: ipset.Destroy, Set: d.set.otherName(f)})
				made = append(made, d.set.value(f).Make()...)
				continue
			}
			for _, e := range d.adds {
				op := ipset.Op{Verb: ipset.Add, Set: d.set.name(f), Entry: e}
				if _, fresh := x.tx.appeared[e.Prefix.Addr()]; e.Family() != setFamily(f) {
					continue
				} else if fresh && !d.set.standing || d.set == x.known {
					appeared = append(appeared, op)
				} else {
					added = append(added, op)
				}
			}
			for _, e := range d.dels {
				op := ipset.Op{Verb: ipset.Del, Set: d.set.name(f), Entry: e}
				if _, left := x.tx.vanished[e.Prefix.Addr()]; e.Family() != setFamily(f) {
					continue
				} else if left && d.set != x.isolated {
					gone = append(gone, op)
				} else {
					deleted = append(deleted, op)
				}
			}
		}
	}
	for _, s := range x.usedSorted() {
		for _, f := range x.settings.families() {
			switch {
			case s.live() && !s.written:
				made = append(made, s.value(f).Make()...)
			case !s.live() && s.written:
				destroyed = append(destroyed, ipset.Op{Verb: ipset.Destroy, Set: s.name(f)})
			}
		}
		s.written = s.live()
	}
	delta.Before = slices.Concat(gone, made, added)
	delta.After = slices.Concat(appeared, deleted, destroyed)
}

func (s *set) otherName(f iptables.Family) string {
	other := *s
	other.turn = !s.turn
	return other.name(f)
}

func (x *Index) usedSorted() []*set {
	out := make([]*set, 0, len(x.tx.used))
	for s := range x.tx.used {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *set) int { return cmp.Compare(a.name(iptables.V4), b.name(iptables.V4)) })
	return out
}

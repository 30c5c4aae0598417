package netpol

import (
	"cmp"
	"slices"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// commit returns the Delta for the touched objects and assumes that the caller applies it.
func (x *Index) commit() Delta {
	delta, _ := x.commitWith(false)
	return delta
}

// commitWith is commit; with traced it also returns the effect of the Delta on packets.
func (x *Index) commitWith(traced bool) (Delta, effect) {
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
	var e effect
	if traced && len(diffs)+len(x.tx.used)+len(delta.Chains) > 0 {
		e = x.effect(diffs).without(remade, len(delta.Chains) > 0)
	}
	x.setOps(&delta, diffs, remade)
	delta.Judge = len(delta.Chains) > 0 || x.narrows(diffs)
	x.tx = nil
	return delta, e
}

// narrows reports whether the changes of members may refuse a connection that was allowed: a group lost a member, or a pod
// became isolated.
func (x *Index) narrows(diffs []difference) bool {
	return slices.ContainsFunc(diffs, func(d difference) bool {
		judged := d.set == x.isolated || d.set == x.closed
		return judged && len(d.adds) > 0 || !judged && len(d.dels) > 0
	})
}

// chainDeltas renders the touched chains and returns those that differ from the kernel's.
func (x *Index) chainDeltas() Delta {
	var delta Delta
	for _, f := range x.settings.families() {
		d := ChainDelta{Family: f}
		for name, c := range x.tx.policies {
			if x.policies[name] == c {
				x.writeChain(&d, name, c.rules(f))
			} else {
				x.deleteChain(&d, name)
			}
		}
		for name, c := range x.tx.targets {
			if x.targets[name] == c {
				x.writeChain(&d, name, c.rules(x))
			} else {
				x.deleteChain(&d, name)
			}
		}
		x.treeDelta(&d)
		if x.tx.frame {
			x.writeChain(&d, chainForward, x.entry(f, true))
			x.writeChain(&d, chainInput, x.entry(f, false))
		}
		if len(d.Changed)+len(d.Gone) > 0 {
			slices.SortFunc(d.Changed, func(a, b iptables.Chain) int { return cmp.Compare(a.Name, b.Name) })
			slices.Sort(d.Gone)
			delta.Chains = append(delta.Chains, d)
		}
	}
	return delta
}

func (x *Index) treeDelta(d *ChainDelta) {
	for _, way := range directions() {
		chains, gone := x.tree[way][d.Family].changed()
		for _, c := range chains {
			x.writeChain(d, c.Name, c.Rules)
		}
		for _, name := range gone {
			x.deleteChain(d, name)
		}
	}
}

// writeChain adds the chain to the Delta if the kernel holds other rules.
func (x *Index) writeChain(d *ChainDelta, name string, rules []iptables.Rule) {
	if held, there := x.rendered[d.Family][name]; !there || !iptables.EqualRules(held, rules) {
		x.rendered[d.Family][name] = rules
		d.Changed = append(d.Changed, iptables.Chain{Name: name, Policy: iptables.NoPolicy, Rules: rules})
	}
}

// deleteChain adds the deletion of the chain to the Delta if the kernel holds it.
func (x *Index) deleteChain(d *ChainDelta, name string) {
	if _, there := x.rendered[d.Family][name]; there {
		delete(x.rendered[d.Family], name)
		d.Gone = append(d.Gone, name)
	}
}

// phases are operations on sets, grouped by their place in the order: the first three groups run before the chains are
// written, the others after.
type phases struct{ gone, made, added, appeared, deleted, destroyed []ipset.Op }

// setOps orders the changes of sets before and after those of chains. Entries of new addresses are added last. Entries of
// addresses that are gone are deleted first. A pod that moves between sets is added to the new set before it is deleted from
// the old one.
func (x *Index) setOps(delta *Delta, diffs []difference, remade map[*set]struct{}) {
	var p phases
	for _, f := range x.settings.families() {
		for _, d := range diffs {
			if _, again := remade[d.set]; again {
				p.destroyed = append(p.destroyed, ipset.Op{Verb: ipset.Destroy, Set: d.set.otherName(f)})
				p.made = append(p.made, d.set.value(f).Make()...)
				continue
			}
			x.members(&p, d, f)
		}
		for _, s := range x.usedSorted() {
			switch {
			case s.live() && !s.written:
				p.made = append(p.made, s.value(f).Make()...)
			case !s.live() && s.written:
				p.destroyed = append(p.destroyed, ipset.Op{Verb: ipset.Destroy, Set: s.name(f)})
			}
		}
	}
	for s := range x.tx.used {
		s.written = s.live()
	}
	delta.Before = slices.Concat(p.gone, p.made, p.added)
	delta.After = slices.Concat(p.appeared, p.deleted, p.destroyed)
}

// members adds the changes of one set's members in one family to the phases.
func (x *Index) members(p *phases, d difference, f iptables.Family) {
	for _, e := range ofFamily(d.adds, f) {
		op := ipset.Op{Verb: ipset.Add, Set: d.set.name(f), Entry: e}
		if _, fresh := x.tx.appeared[e.Prefix.Addr()]; fresh && !d.set.standing || d.set == x.known {
			p.appeared = append(p.appeared, op)
		} else {
			p.added = append(p.added, op)
		}
	}
	for _, e := range ofFamily(d.dels, f) {
		op := ipset.Op{Verb: ipset.Del, Set: d.set.name(f), Entry: e}
		if _, left := x.tx.vanished[e.Prefix.Addr()]; left && d.set != x.isolated {
			p.gone = append(p.gone, op)
		} else {
			p.deleted = append(p.deleted, op)
		}
	}
}

func ofFamily(entries []ipset.Entry, f iptables.Family) []ipset.Entry {
	var out []ipset.Entry
	for _, e := range entries {
		if e.Family() == setFamily(f) {
			out = append(out, e)
		}
	}
	return out
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

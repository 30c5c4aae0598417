package netpol

import (
	"cmp"
	"slices"

	"data-space.liqo.io/pkg/values/netpolicy"
)

func (c PolicySeen) apply(x *Index) {
	ns := x.namespace(c.Policy.Namespace)
	p, ok := ns.policies[c.Policy.Name]
	if !ok {
		p = &policy{Policy: netpolicy.Policy{Key: c.Policy.Key}, chains: map[*policyChain]struct{}{}}
		ns.policies[c.Policy.Name] = p
	}
	p.listed = x.lists[Policies].number
	if ok && p.Equal(c.Policy) {
		return
	}
	old := p.Target
	ns.targets.remove(old, p)
	x.unaudit(ns, p)
	p.Policy = c.Policy
	ns.targets.add(p.Target, p)
	x.audit(ns, p)
	for chain := range p.chains {
		x.reload(chain)
	}
	x.retargetIn(ns, old, p.Target)
}

func (c PolicyGone) apply(x *Index) {
	ns, ok := x.namespaces[c.Key.Namespace]
	if !ok || ns.policies[c.Key.Name] == nil {
		return
	}
	p := ns.policies[c.Key.Name]
	ns.targets.remove(p.Target, p)
	x.unaudit(ns, p)
	delete(ns.policies, c.Key.Name)
	x.retargetIn(ns, p.Target)
	x.tx.emptied(ns)
}

// retargetIn calls retarget for the namespace's pods of this node that one of the selectors selects.
func (x *Index) retargetIn(ns *namespace, selectors ...netpolicy.Selector) {
	for p := range ns.local {
		if slices.ContainsFunc(selectors, func(s netpolicy.Selector) bool { return s.Matches(p.Labels) }) {
			x.retarget(p)
		}
	}
}

// selecting returns the policies that select the pod, sorted by name.
func (p *pod) selecting() []*policy {
	var out []*policy
	p.ns.targets.each(p.Labels, func(pol *policy) {
		if pol.Target.Matches(p.Labels) {
			out = append(out, pol)
		}
	})
	slices.SortFunc(out, func(a, b *policy) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// retarget leads the pod's packets to the chain of the policies that select it.
func (x *Index) retarget(p *pod) {
	if !p.local(x) && p.here == nil {
		return
	}
	if p.here == nil {
		p.here = &here{}
	}
	var selecting []*policy
	if p.local(x) {
		selecting = p.selecting()
	}
	isolated := false
	for _, d := range directions() {
		want := x.targetChain(d, p, selecting)
		if old := p.here.chain[d]; old != want {
			p.here.chain[d] = want
			if _, known := x.tx.retargeted[d][p]; !known {
				x.tx.retargeted[d][p] = old
			}
			if want != nil {
				want.pods++
			}
			if old != nil {
				old.pods--
				x.dropTarget(old)
			}
		}
		isolated = isolated || want != nil
		x.lead(d, p)
	}
	p.here.leafs = p.ips
	if isolated {
		x.enter(p, x.isolated, p.localEntries(x))
	} else {
		x.enter(p, x.isolated, nil)
	}
}

// lead updates the tree's leaves for the old and new addresses of the pod.
func (x *Index) lead(d direction, p *pod) {
	for _, ip := range p.here.leafs {
		if p.chain(d) == nil || !slices.Contains(p.ips, ip) {
			x.treeOf(d, ip).remove(ip, p)
		}
	}
	if p.chain(d) == nil {
		return
	}
	for _, ip := range p.ips {
		x.treeOf(d, ip).set(ip, leaf{pod: p, chain: p.chain(d).name})
	}
}

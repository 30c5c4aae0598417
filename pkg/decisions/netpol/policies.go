package netpol

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// targetChain judges, in one direction, the pods that the same policies select.
type targetChain struct {
	name     string
	dir      direction
	policies []*policyChain
	pods     int
}

// policyChain is one direction of one policy, for pods that resolve its named ports alike.
type policyChain struct {
	name     string
	dir      direction
	policy   *policy
	resolved []netpolicy.NamedPort // ingress: what the policy's named ports are in these pods
	clauses  []clause
	targets  int
}

func (c PolicySeen) apply(x *Index) {
	ns := x.namespace(c.Policy.Namespace)
	p, ok := ns.policies[c.Policy.Name]
	if !ok {
		p = &policy{Policy: netpolicy.Policy{Key: c.Policy.Key}, chains: map[*policyChain]struct{}{}}
		ns.policies[c.Policy.Name] = p
	} else if p.Equal(c.Policy) {
		return
	}
	old := p.Target
	ns.targets.remove(old, p)
	p.Policy = c.Policy
	ns.targets.add(p.Target, p)
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
	delete(ns.policies, c.Key.Name)
	x.retargetIn(ns, p.Target)
	x.tx.emptied(ns)
}

// retargetIn follows up for the namespace's local pods that one of the selectors selects.
func (x *Index) retargetIn(ns *namespace, selectors ...netpolicy.Selector) {
	for p := range ns.local {
		if slices.ContainsFunc(selectors, func(s netpolicy.Selector) bool { return s.Matches(p.Labels) }) {
			x.retarget(p)
		}
	}
}

// selecting are the policies that select the pod, by name.
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
	var selecting []*policy
	if p.local(x) {
		selecting = p.selecting()
	}
	isolated := false
	for _, d := range directions() {
		want := x.targetChain(d, p, selecting)
		if old := p.chain[d]; old != want {
			p.chain[d] = want
			x.tx.retargeted[d][p] = struct{}{}
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
	p.leafs = p.ips
	if isolated {
		x.enter(p, x.isolated, p.localEntries(x))
	} else {
		x.enter(p, x.isolated, nil)
	}
}

// lead makes the tree's leaves of the pod's addresses, old and new, right.
func (x *Index) lead(d direction, p *pod) {
	for _, ip := range p.leafs {
		if p.chain[d] == nil || !slices.Contains(p.ips, ip) {
			x.treeOf(d, ip).remove(ip, p)
		}
	}
	if p.chain[d] == nil {
		return
	}
	for _, ip := range p.ips {
		x.treeOf(d, ip).set(ip, leaf{pod: p, chain: p.chain[d].name})
	}
}

// targetChain returns the chain for a pod that these policies select, made if there is none; nil if none of them judges
// the direction.
func (x *Index) targetChain(d direction, p *pod, selecting []*policy) *targetChain {
	var chains []*policyChain
	words := []string{d.String(), p.Namespace}
	for _, pol := range selecting {
		if pol.side(d).Isolates {
			c := x.policyChain(d, p, pol)
			chains = append(chains, c)
			words = append(words, c.name)
		}
	}
	if len(chains) == 0 {
		return nil
	}
	name := chainName(d.way().letter, words...)
	t, ok := x.targets[name]
	if !ok {
		t = &targetChain{name: name, dir: d, policies: chains}
		x.targets[name] = t
		for _, c := range chains {
			c.targets++
		}
	}
	x.tx.target(t)
	return t
}

func (x *Index) dropTarget(t *targetChain) {
	if t.pods == 0 {
		x.tx.target(t) // looked at when all is known: another pod may need it meanwhile
	}
}

// policyChain returns the policy's chain for this pod, made if there is none.
func (x *Index) policyChain(d direction, p *pod, pol *policy) *policyChain {
	resolved := resolve(d, p, pol)
	words := []string{d.String(), pol.Namespace, pol.Name}
	for _, r := range resolved {
		words = append(words, fmt.Sprintf("%s/%s=%d", r.Name, r.Protocol, r.Number))
	}
	name := chainName("P"+d.way().letter, words...)
	c, ok := x.policies[name]
	if !ok {
		c = &policyChain{name: name, dir: d, policy: pol, resolved: resolved}
		x.policies[name] = c
		pol.chains[c] = struct{}{}
		x.reload(c)
	} else if c.policy != pol { // deleted and made again
		delete(c.policy.chains, c)
		c.policy = pol
		pol.chains[c] = struct{}{}
		x.reload(c)
	}
	x.tx.policy(c)
	return c
}

// resolve looks up what the policy's named ports are in the pod that connections go to. Egress goes to many: there it
// is a matter of sets.
func resolve(d direction, p *pod, pol *policy) []netpolicy.NamedPort {
	if d == egress {
		return nil
	}
	var out []netpolicy.NamedPort
	for _, r := range pol.Ingress.Rules {
		for _, port := range r.Ports {
			if port.Name == "" {
				continue
			}
			number, ok := p.Port(port.Name, port.Protocol)
			named := netpolicy.NamedPort{Name: port.Name, Protocol: port.Protocol, Number: number}
			if ok && !slices.Contains(out, named) {
				out = append(out, named)
			}
		}
	}
	slices.SortFunc(out, func(a, b netpolicy.NamedPort) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Protocol, b.Protocol))
	})
	return out
}

// reload makes the chain's clauses anew and lets go of sets that they no longer need.
func (x *Index) reload(c *policyChain) {
	old := c.clauses
	c.clauses = x.clauses(c)
	for _, cl := range old {
		for _, s := range cl.sets() {
			s.release(c)
			x.tx.set(s)
		}
	}
	x.tx.policy(c)
}

// sweep drops the chains that nothing leads to any more, and what only they needed.
func (x *Index) sweep() {
	for _, t := range x.tx.targets {
		if t.pods > 0 || x.targets[t.name] != t {
			continue
		}
		delete(x.targets, t.name)
		for _, c := range t.policies {
			c.targets--
			x.tx.policy(c)
		}
	}
	for _, c := range x.tx.policies {
		if c.targets > 0 || x.policies[c.name] != c {
			continue
		}
		delete(x.policies, c.name)
		delete(c.policy.chains, c)
		for _, cl := range c.clauses {
			for _, s := range cl.sets() {
				s.release(c)
				x.tx.set(s)
			}
		}
		c.clauses = nil
	}
	for _, s := range x.tx.used {
		if !s.live() {
			x.dropSet(s)
		}
	}
	for _, ns := range x.tx.namespaces {
		if !ns.seen && len(ns.pods) == 0 && len(ns.policies) == 0 {
			delete(x.namespaces, ns.name)
		}
	}
}

func (s *set) hold(c *policyChain) {
	if s.users[c.dir] == nil {
		s.users[c.dir] = map[*policyChain]int{}
	}
	s.users[c.dir][c]++
}

func (s *set) release(c *policyChain) {
	if s.users[c.dir][c]--; s.users[c.dir][c] <= 0 {
		delete(s.users[c.dir], c)
	}
}

// groupSet returns the set of a group, made and filled if there is none.
func (x *Index) groupSet(c *policyChain, g group) *set {
	if g.namespaces != nil && g.namespaces.All() {
		g.namespaces = nil
	}
	key := g.key()
	s, ok := x.sets[key]
	if !ok {
		s = &set{key: key, kind: "p", hash: digest(20, key), kindOf: ipset.IP, group: &g, entries: map[ipset.Entry]*pod{}}
		if g.port.Name != "" {
			s.kind, s.kindOf = "n", ipset.IPPort
		}
		x.sets[key] = s
		x.fill(s)
	}
	s.hold(c)
	x.tx.set(s)
	return s
}

// fill looks at the pods of every namespace that the group is about, once.
func (x *Index) fill(s *set) {
	within := func(ns *namespace) {
		for _, p := range ns.pods {
			x.enter(p, s, s.group.entriesOf(p))
		}
	}
	switch g := s.group; {
	case g.own != "":
		ns := x.namespace(g.own)
		ns.groups.add(g.pods, s)
		within(ns)
	case g.namespaces == nil:
		x.broad.add(g.pods, s)
		for _, ns := range x.namespaces {
			within(ns)
		}
	default:
		x.selecting[s] = struct{}{}
		for _, ns := range x.namespaces {
			if ns.seen && g.namespaces.Matches(ns.labels) {
				ns.groups.add(g.pods, s)
				within(ns)
			}
		}
	}
}

// exceptSet returns the set of these prefixes.
func (x *Index) exceptSet(c *policyChain, b *netpolicy.Block) *set {
	texts := make([]string, len(b.Except))
	for i, p := range b.Except {
		texts[i] = p.Masked().String()
	}
	slices.Sort(texts)
	key := "except\x00" + strings.Join(texts, "\x00")
	s, ok := x.sets[key]
	if !ok {
		s = &set{key: key, kind: "x", hash: digest(20, key), kindOf: ipset.Net, entries: map[ipset.Entry]*pod{}}
		for _, p := range b.Except {
			for _, half := range ipset.Halves(p.Masked()) {
				s.entries[ipset.Entry{Prefix: half}] = nil
			}
		}
		x.sets[key] = s
	}
	s.hold(c)
	x.tx.set(s)
	return s
}

// dropSet forgets a set that nothing uses.
func (x *Index) dropSet(s *set) {
	delete(x.sets, s.key)
	if s.group == nil {
		return
	}
	for _, p := range s.entries {
		delete(p.sets, s)
	}
	switch g := s.group; {
	case g.own != "":
		x.namespace(g.own).groups.remove(g.pods, s)
	case g.namespaces == nil:
		x.broad.remove(g.pods, s)
	default:
		delete(x.selecting, s)
		for _, ns := range x.namespaces {
			ns.groups.remove(g.pods, s)
		}
	}
}

// standingSets makes the sets that are always there.
func (x *Index) standingSets() {
	make := func(kind string, t ipset.Type) *set {
		s := &set{key: kind, kind: kind, kindOf: t, standing: true, entries: map[ipset.Entry]*pod{}}
		x.sets[kind] = s
		x.tx.set(s)
		return s
	}
	x.isolated = make("isolated", ipset.IP)
	x.known = make("known", ipset.IP)
	x.closed = make("closed", ipset.Net)
	x.reclose()
}

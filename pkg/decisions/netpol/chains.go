package netpol

import (
	"cmp"
	"fmt"
	"slices"

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
		if t.pods == 0 {
			x.sweepTarget(t)
		}
	}
	for _, c := range x.tx.policies {
		if c.targets == 0 {
			x.sweepPolicy(c)
		}
	}
	for s := range x.tx.used {
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

func (x *Index) sweepTarget(t *targetChain) {
	delete(x.targets, t.name)
	for _, c := range t.policies {
		c.targets--
		x.tx.policy(c)
	}
}

func (x *Index) sweepPolicy(c *policyChain) {
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

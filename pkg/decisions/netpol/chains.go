package netpol

import (
	"cmp"
	"fmt"
	"slices"

	"data-space.liqo.io/pkg/values/netpolicy"
)

// targetChain returns the chain for a pod that these policies select, and creates it if needed. It returns nil if no policy
// applies to the direction.
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
		x.tx.target(t) // at the end of the transaction sweep deletes the chain if no pod uses it then
	}
}

// policyChain returns the policy's chain for this pod, and creates it if needed.
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
	} else if c.policy != pol { // the policy was deleted and created again
		delete(c.policy.chains, c)
		c.policy = pol
		pol.chains[c] = struct{}{}
		x.reload(c)
	}
	x.tx.policy(c)
	return c
}

// resolve returns the numbers of the policy's named ports in the pod that receives the connections. For egress the receivers
// are many pods, so sets of address and port are used instead and resolve returns nil.
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

// reload computes the chain's clauses again and releases the sets that they no longer use.
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

// sweep deletes the chains that no rule jumps to, and the sets that only these chains used.
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

package netpol

import (
	"maps"
	"net/netip"
	"slices"

	"data-space.liqo.io/pkg/values/iptables"
)

// effect describes which parts of the filter a transaction changes for packets. Four parts decide on a packet from p to q: p's
// egress chain, q's membership in the sets of that chain, q's ingress chain, and p's membership in the sets of q's ingress
// chain. All chains change at one moment. Each member of a set changes at a moment of its own.
type effect struct {
	alone     bool // rules outside the pods' chains changed, or the cluster never had the state between these changes
	prefixes  map[netip.Prefix]struct{}
	pods      map[*pod]struct{}
	made      map[string]struct{} // sets created, destroyed or replaced, by key
	moved     map[*set][2]bool    // sets whose members changed, and per direction of use whether a pod of this node moved
	local     [2]bool             // a pod of this node moved in a set that is used in the direction
	reads     map[*set]struct{}   // sets used, before or after, by chains that changed or that a pod got or lost
	rewritten [2]bool             // existing chains of policies changed, by direction
	chained   [2]bool             // existing chains of policies changed or a pod got another chain, by direction
}

// effect returns the effect of the current transaction, before sets are replaced.
func (x *Index) effect(diffs []difference) effect {
	e := effect{
		alone: x.tx.frame || !x.tx.single, prefixes: map[netip.Prefix]struct{}{}, pods: map[*pod]struct{}{},
		made: map[string]struct{}{}, moved: map[*set][2]bool{}, reads: map[*set]struct{}{},
	}
	for _, d := range diffs {
		x.addMoves(&e, d)
	}
	// A chain that changed, is new or is gone has held or released every set that it uses or used.
	for s := range x.tx.used {
		e.reads[s] = struct{}{}
		if s.live() != s.written {
			e.made[s.key] = struct{}{}
		}
	}
	for _, c := range x.tx.policies {
		e.rewritten[c.dir] = e.rewritten[c.dir] || x.rewrites(c)
	}
	for _, d := range directions() {
		for p, old := range x.tx.retargeted[d] {
			e.pods[p] = struct{}{}
			e.readAll(old)
			e.readAll(p.chain(d))
		}
		e.chained[d] = e.rewritten[d] || len(x.tx.retargeted[d]) > 0
	}
	return e
}

func (x *Index) addMoves(e *effect, d difference) {
	for _, entry := range slices.Concat(d.adds, d.dels) {
		e.prefixes[entry.Prefix] = struct{}{}
		if d.set.standing {
			continue
		}
		moved := e.moved[d.set]
		if p := x.mover(d.set, entry); p != nil {
			e.pods[p] = struct{}{}
			for _, dir := range directions() {
				if p.Node == x.settings.Node && d.set.used(dir) {
					moved[dir], e.local[dir] = true, true
				}
			}
		}
		e.moved[d.set] = moved
	}
}

// rewrites reports whether the kernel holds the chain with different rules.
func (x *Index) rewrites(c *policyChain) bool {
	return x.policies[c.name] == c && slices.ContainsFunc(x.settings.families(), func(f iptables.Family) bool {
		rules, written := x.rendered[f][c.name]
		return written && !iptables.EqualRules(rules, c.rules(f))
	})
}

func (e *effect) readAll(t *targetChain) {
	if t == nil {
		return
	}
	for _, c := range t.policies {
		e.read(c)
	}
}

func (e *effect) read(c *policyChain) {
	for _, cl := range c.clauses {
		for _, s := range cl.sets() {
			e.reads[s] = struct{}{}
		}
	}
}

// opens reports whether a packet that both the old and the new state refuse could pass while only the members of the set have
// changed, or while everything but them has changed.
func (e effect) opens(s *set) bool {
	if _, read := e.reads[s]; read {
		return true
	}
	local := e.moved[s]
	return local[egress] && (e.local[ingress] || e.chained[ingress]) || local[ingress] && (e.local[egress] || e.chained[egress])
}

// without returns the effect when these sets are replaced together with the chains that use them: then these chains change.
func (e effect) without(remade map[*set]struct{}, chains bool) effect {
	e.local = [2]bool{}
	for s, local := range e.moved {
		if _, is := remade[s]; !is {
			for _, d := range directions() {
				e.local[d] = e.local[d] || local[d]
			}
			continue
		}
		delete(e.moved, s)
		e.made[s.key] = struct{}{}
		for _, d := range directions() {
			for c := range s.users[d] {
				e.read(c)
			}
			e.rewritten[d] = e.rewritten[d] || s.used(d)
		}
	}
	if !chains {
		clear(e.reads)
	}
	return e
}

// conflicts reports whether the two effects need separate transactions, because parts of both decide on some packet.
func (e effect) conflicts(f effect) bool {
	if e.alone || f.alone || overlap(e.prefixes, f.prefixes) || overlap(e.pods, f.pods) || overlap(e.made, f.made) ||
		overlap(e.moved, f.reads) || overlap(f.moved, e.reads) {
		return true
	}
	for _, d := range directions() {
		other := 1 - d
		if e.local[d] && (f.local[other] || f.rewritten[other]) || f.local[d] && (e.local[other] || e.rewritten[other]) {
			return true
		}
	}
	return false
}

// add merges f into e.
func (e *effect) add(f effect) {
	if e.prefixes == nil {
		*e = f
		return
	}
	maps.Copy(e.prefixes, f.prefixes)
	maps.Copy(e.pods, f.pods)
	maps.Copy(e.made, f.made)
	maps.Copy(e.moved, f.moved)
	maps.Copy(e.reads, f.reads)
	for _, d := range directions() {
		e.local[d], e.rewritten[d] = e.local[d] || f.local[d], e.rewritten[d] || f.rewritten[d]
	}
}

func overlap[K comparable, V, W any](a map[K]V, b map[K]W) bool {
	if len(a) <= len(b) {
		for k := range a {
			if _, both := b[k]; both {
				return true
			}
		}
		return false
	}
	return overlap(b, a)
}

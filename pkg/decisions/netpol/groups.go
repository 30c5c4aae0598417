package netpol

import (
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/netpolicy"
)

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

// groupSet returns the set of a group, and creates and fills it if needed.
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

// fill adds the pods of every namespace that the group covers. It reads each of them once.
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

// dropSet deletes a set that no rule uses.
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

// standingSets creates the sets that exist in every state.
func (x *Index) standingSets() {
	standing := func(kind string, t ipset.Type) *set {
		s := &set{key: kind, kind: kind, kindOf: t, standing: true, entries: map[ipset.Entry]*pod{}}
		x.sets[kind] = s
		x.tx.set(s)
		return s
	}
	x.isolated = standing("isolated", ipset.IP)
	x.known = standing("known", ipset.IP)
	x.closed = standing("closed", ipset.Net)
	x.reclose()
}

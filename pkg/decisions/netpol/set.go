package netpol

import (
	"cmp"
	"slices"

	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// set is an IP set of a group of peers or of prefixes, in both families.
type set struct {
	key        string // key in Index.sets
	kind, hash string
	kindOf     ipset.Type
	entries    map[ipset.Entry]*pod // nil pod in sets of prefixes
	standing   bool                 // exists even if no rule uses it

	// The chains whose rules use it, and how often.
	users [2]map[*policyChain]int

	// The group whose pods it contains; nil in sets of prefixes and in standing sets.
	group *group

	written bool // the kernel holds it
	turn    bool // which of its two names is in use: a change that must be atomic creates the set under the other name
}

// group chooses the pods of a set.
type group struct {
	own        string              // the group's only namespace; "": see namespaces
	namespaces *netpolicy.Selector // nil with own == "": all pods of the cluster
	pods       netpolicy.Selector
	port       netpolicy.Port // a named port: entries are addresses with the port's number
}

func (g group) key() string {
	key := "pods\x00" + g.own + "\x00"
	if g.namespaces != nil {
		key += "in\x00" + g.namespaces.String()
	}
	key += "\x00" + g.pods.String()
	if g.port.Name != "" {
		key += "\x00" + g.port.String()
	}
	return key
}

// entriesOf returns the entries of one pod of the group.
func (g group) entriesOf(p *pod) []ipset.Entry {
	if len(p.ips) == 0 || !g.pods.Matches(p.Labels) {
		return nil
	}
	var number uint16
	if g.port.Name != "" {
		var ok bool
		if number, ok = p.Port(g.port.Name, g.port.Protocol); !ok {
			return nil
		}
	}
	entries := make([]ipset.Entry, 0, len(p.ips))
	for _, ip := range p.ips {
		e := ipset.Address(ip)
		if g.port.Name != "" {
			e.Protocol, e.Port = string(g.port.Protocol), number
		}
		entries = append(entries, e)
	}
	return entries
}

func (s *set) name(f iptables.Family) string {
	name := SetPrefix + s.kind + familyDigit(f)
	if s.standing {
		return name
	}
	if s.turn {
		return name + "-" + s.hash + "-b"
	}
	return name + "-" + s.hash + "-a"
}

func (s *set) used(d direction) bool { return len(s.users[d]) > 0 }

func (s *set) live() bool { return s.standing || s.used(egress) || s.used(ingress) }

// value returns the set that the kernel must hold in one family.
func (s *set) value(f iptables.Family) ipset.Set {
	out := ipset.Set{Name: s.name(f), Type: s.kindOf, Family: setFamily(f)}
	for e := range s.entries {
		if e.Family() == out.Family {
			out.Entries = append(out.Entries, e)
		}
	}
	slices.SortFunc(out.Entries, compareEntries)
	return out
}

func setFamily(f iptables.Family) ipset.Family {
	if f == iptables.V6 {
		return ipset.V6
	}
	return ipset.V4
}

func compareEntries(a, b ipset.Entry) int {
	return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()),
		cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
}

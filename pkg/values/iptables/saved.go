package iptables

import (
	"slices"
	"strings"
)

// Saved is what iptables-save printed of one family's rulesets: what the kernel holds, in the kernel's words.
type Saved struct {
	Family Family
	Tables []SavedTable
}

// SavedTable is one table as it was printed.
type SavedTable struct {
	Name   string
	Chains []SavedChain
	// Opaque: the kernel's table holds something that the iptables programs cannot show (native nftables chains).
	// Writing the table takes that away.
	Opaque bool
}

// SavedChain is one chain as it was printed.
type SavedChain struct {
	Name   string
	Policy Verdict
	Count  Counter // of the policy; built-in chains only
	Rules  []SavedRule
}

// SavedRule is one rule as it was printed. It may be any program's.
type SavedRule struct {
	Words   []string // what follows "-A CHAIN", split into words
	Comment string   // of the first -m comment; "" if there is none
	Target  string   // the chain or target that -j or -g names; "" if there is none
	Goto    bool     // it is -g that names it
	Count   Counter  // zero if it was printed without --counters
	paths   []int    // places in Words that hold the path of a cgroup match
}

// Table returns the table of that name.
func (s Saved) Table(name string) (SavedTable, bool) {
	return find(s.Tables, func(t SavedTable) bool { return t.Name == name })
}

// Chain returns the chain of that name.
func (t SavedTable) Chain(name string) (SavedChain, bool) {
	return find(t.Chains, func(c SavedChain) bool { return c.Name == name })
}

// Rules is how many rules the table holds.
func (t SavedTable) Rules() int {
	n := 0
	for _, c := range t.Chains {
		n += len(c.Rules)
	}
	return n
}

// Blank returns the table as a fresh namespace has it: built-in chains that accept, and nothing else.
func (t SavedTable) Blank() Table {
	blank := Table{Name: t.Name}
	for _, c := range t.Chains {
		if c.Policy != NoPolicy {
			blank.Chains = append(blank.Chains, Chain{Name: c.Name, Policy: Accept})
		}
	}
	return blank
}

// Empty reports whether the table lets everything through untouched: no rule, no own chain, no policy but ACCEPT.
func (t SavedTable) Empty() bool {
	return !t.Opaque && !slices.ContainsFunc(t.Chains, func(c SavedChain) bool { return len(c.Rules) > 0 || c.Policy != Accept })
}

// Text renders the tables in the order of their names, without counts: equal rules, equal text.
func (s Saved) Text() string {
	tables := slices.Clone(s.Tables)
	slices.SortStableFunc(tables, func(a, b SavedTable) int { return strings.Compare(a.Name, b.Name) })
	var b strings.Builder
	zero := Counter{}.String()
	for _, t := range tables {
		b.WriteString("*" + t.Name + "\n")
		for _, c := range t.Chains {
			b.WriteString(":" + c.Name + " " + string(c.Policy) + " " + zero + "\n")
		}
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				b.WriteString(zero + " -A " + c.Name + " ")
				join(&b, r.Words)
				b.WriteByte('\n')
			}
		}
		b.WriteString("COMMIT\n")
	}
	return b.String()
}

// Equal reports whether the rules have the same words. Counts do not count.
func (r SavedRule) Equal(other SavedRule) bool { return slices.Equal(r.Words, other.Words) }

// String is the rule's words as iptables-restore reads them.
func (r SavedRule) String() string { return joined(r.Words) }

// Cgroups returns the distinct cgroup2 paths that rules match on, in order of appearance.
func (s Saved) Cgroups() []string {
	var paths []string
	for _, t := range s.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				for _, at := range r.paths {
					if !slices.Contains(paths, r.Words[at]) {
						paths = append(paths, r.Words[at])
					}
				}
			}
		}
	}
	return paths
}

// EditCgroups returns a copy in which f has replaced the path of every cgroup match. Rules without such a match are shared
// with the original.
func (s Saved) EditCgroups(f func(path string) string) Saved {
	out := Saved{Family: s.Family, Tables: slices.Clone(s.Tables)}
	for i, t := range out.Tables {
		out.Tables[i].Chains = slices.Clone(t.Chains)
		for j, c := range t.Chains {
			if slices.ContainsFunc(c.Rules, func(r SavedRule) bool { return len(r.paths) > 0 }) {
				out.Tables[i].Chains[j].Rules = editCgroups(c.Rules, f)
			}
		}
	}
	return out
}

func editCgroups(rules []SavedRule, f func(path string) string) []SavedRule {
	rules = slices.Clone(rules)
	for i, r := range rules {
		if len(r.paths) == 0 {
			continue
		}
		rules[i].Words = slices.Clone(r.Words)
		for _, at := range r.paths {
			rules[i].Words[at] = f(r.Words[at])
		}
	}
	return rules
}

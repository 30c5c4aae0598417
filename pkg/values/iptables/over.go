package iptables

import (
	"slices"
	"strings"
)

// Over prepares the ruleset to be written over what a namespace holds now: rules known by their comment and policies
// keep their counts, and tables that only the namespace has are blanked, last.
func (s Ruleset) Over(held Ruleset) Ruleset {
	counts := map[string]Counter{}
	held.Edit(func(table, chain string, r Rule) Rule {
		if r.Comment() != "" {
			counts[table+"/"+chain+"/"+r.Comment()] = r.Count
		}
		return r
	})
	out := s.Edit(func(table, chain string, r Rule) Rule {
		r.Count = counts[table+"/"+chain+"/"+r.Comment()]
		return r
	})
	for i, t := range out.Tables {
		before, _ := held.Table(t.Name)
		for j, c := range t.Chains {
			if h, ok := before.Chain(c.Name); ok && h.Policy != NoPolicy && c.Policy != NoPolicy {
				out.Tables[i].Chains[j].Count = h.Count
			}
		}
	}
	for _, t := range held.Tables {
		if _, known := s.Table(t.Name); !known {
			out.Tables = append(out.Tables, t.Blank())
		}
	}
	return out
}

// Blank returns the table as a fresh namespace has it: built-in chains that accept, and nothing else.
func (t Table) Blank() Table {
	blank := Table{Name: t.Name}
	for _, c := range t.Chains {
		if c.Policy != NoPolicy {
			blank.Chains = append(blank.Chains, Chain{Name: c.Name, Policy: Accept})
		}
	}
	return blank
}

// WithoutCounters returns a copy whose counts are zero and whose tables stand in the order of their names: equal rules,
// equal text.
func (s Ruleset) WithoutCounters() Ruleset {
	out := s.Edit(func(_, _ string, r Rule) Rule {
		r.Count = Counter{}
		return r
	})
	for i := range out.Tables {
		for j := range out.Tables[i].Chains {
			out.Tables[i].Chains[j].Count = Counter{}
		}
	}
	slices.SortStableFunc(out.Tables, func(a, b Table) int { return strings.Compare(a.Name, b.Name) })
	return out
}

package iptables

import "slices"

// place names a rule in a ruleset by its comment.
type place struct{ table, chain, comment string }

// Over prepares the ruleset to be written over what a namespace holds now: rules known by their comment and policies
// keep their counts, and tables that only the namespace has are blanked, last. The ruleset itself stays as it is.
func (s Ruleset) Over(held Saved) Ruleset {
	counts := held.countsByComment()
	out := Ruleset{Family: s.Family, Tables: slices.Clone(s.Tables)}
	for i, t := range out.Tables {
		before, _ := held.Table(t.Name)
		out.Tables[i].Chains = slices.Clone(t.Chains)
		for j, c := range t.Chains {
			chain := &out.Tables[i].Chains[j]
			if h, ok := before.Chain(c.Name); ok && h.Policy != NoPolicy && c.Policy != NoPolicy {
				chain.Count = h.Count
			}
			chain.Rules = slices.Clone(c.Rules)
			for k, r := range chain.Rules {
				chain.Rules[k].Count = counts[place{t.Name, c.Name, r.Comment}]
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

// countsByComment returns the counts of the rules that have a comment.
func (s Saved) countsByComment() map[place]Counter {
	counts := map[place]Counter{}
	for _, t := range s.Tables {
		for _, c := range t.Chains {
			for _, r := range c.Rules {
				if r.Comment != "" {
					counts[place{t.Name, c.Name, r.Comment}] = r.Count
				}
			}
		}
	}
	return counts
}

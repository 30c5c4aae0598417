package dataplane

import (
	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// State is what the kernel holds in one namespace.
type State struct {
	Backend  xtables.Backend  `json:"backend"`
	Rulesets []iptables.Saved `json:"-"`     // as read back, counters included
	Drift    []drift.Finding  `json:"drift"` // how it differed from what was asked, before anything was written
	Wrote    bool             `json:"wrote"` // whether it was written
	Hash     string           `json:"hash"`  // of the rules, not of counters: equal hashes, equal rules

	Dropped iptables.Drops `json:"-"` // by rules with a name

	mark string // of the namespace before and after it was read and found as desired; empty: not known
}

// RuleCounts is how many rules each table of each family holds.
func (s State) RuleCounts() iptables.Counts {
	counts := make(iptables.Counts, len(s.Rulesets))
	for _, set := range s.Rulesets {
		tables := make(map[string]int, len(set.Tables))
		for _, t := range set.Tables {
			tables[t.Name] = t.Rules()
		}
		counts[string(set.Family)] = tables
	}
	return counts
}

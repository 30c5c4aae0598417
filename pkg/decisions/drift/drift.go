// Package drift compares the planned ruleset of a network namespace with the one that the kernel holds, and returns the
// differences.
package drift

import (
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/iptables"
)

// Kind says how something differs.
type Kind string

// The kinds.
const (
	Missing    Kind = "missing"    // should be there, and is not
	Unexpected Kind = "unexpected" // is there, and should not be
	Changed    Kind = "changed"    // another policy
	Moved      Kind = "moved"      // the right rules in another order
)

// ruleOf begins What of a finding about one rule.
const ruleOf = "rule "

// Finding is one difference. Rule and chain names are the kernel's.
type Finding struct {
	Family iptables.Family `json:"family"`
	Kind   Kind            `json:"kind"`
	Where  string          `json:"where"` // table, or table/chain
	What   string          `json:"what"`
}

func (f Finding) String() string {
	return fmt.Sprintf("%s %s: %s %s", f.Family, f.Where, f.Kind, f.What)
}

// Table is the name of the table that differs.
func (f Finding) Table() string {
	table, _, _ := strings.Cut(f.Where, "/")
	return table
}

// Compare lists all differences, tables and chains in the order of want, then what only have holds. Both come from
// iptables-save, which prints other words than were sent. Rules are compared whole and in order; counters, the order
// of tables and that of chains do not count. An empty table is as good as none.
func Compare(want, have iptables.Saved) []Finding {
	c := comparison{family: want.Family}
	for _, w := range want.Tables {
		h, _ := have.Table(w.Name)
		c.table(w, h)
	}
	for _, h := range have.Tables {
		if _, known := want.Table(h.Name); !known {
			c.table(iptables.SavedTable{Name: h.Name}, h)
		}
	}
	return c.findings
}

type comparison struct {
	family   iptables.Family
	findings []Finding
}

func (c *comparison) add(kind Kind, where, what string) {
	c.findings = append(c.findings, Finding{Family: c.family, Kind: kind, Where: where, What: what})
}

// table compares two tables chain by chain. A built-in chain that is missing is equal to an empty one whose policy is ACCEPT: iptables shows no
// other difference between them.
func (c *comparison) table(want, have iptables.SavedTable) {
	if have.Opaque {
		c.add(Unexpected, have.Name, "something that iptables cannot show; nft list table shows it")
	}
	for _, w := range want.Chains {
		h, found := have.Chain(w.Name)
		if !found {
			h.Policy = iptables.Accept
			if w.Policy == iptables.NoPolicy {
				c.add(Missing, want.Name, "chain "+w.Name)
				h.Policy = iptables.NoPolicy
			}
		}
		c.chain(want.Name+"/"+w.Name, w, h)
	}
	for _, h := range have.Chains {
		if _, known := want.Chain(h.Name); known {
			continue
		}
		w := iptables.SavedChain{Policy: iptables.Accept}
		if h.Policy == iptables.NoPolicy {
			c.add(Unexpected, have.Name, "chain "+h.Name)
			w.Policy = iptables.NoPolicy
		}
		c.chain(have.Name+"/"+h.Name, w, h)
	}
}

func (c *comparison) chain(where string, want, have iptables.SavedChain) {
	if want.Policy != have.Policy {
		c.add(Changed, where, fmt.Sprintf("policy %s, should be %s", have.Policy, want.Policy))
	}
	if slices.EqualFunc(want.Rules, have.Rules, iptables.SavedRule.Equal) {
		return
	}
	missing, unexpected := difference(want.Rules, have.Rules), difference(have.Rules, want.Rules)
	for _, r := range missing {
		c.add(Missing, where, ruleOf+r.String())
	}
	for _, r := range unexpected {
		c.add(Unexpected, where, ruleOf+r.String())
	}
	if len(missing)+len(unexpected) == 0 {
		c.add(Moved, where, "rules: "+order(have.Rules))
	}
}

// difference returns the rules of a that b lacks, a rule that stands twice counting twice.
func difference(a, b []iptables.SavedRule) []iptables.SavedRule {
	left := make(map[string]int, len(b))
	for _, r := range b {
		left[r.String()]++
	}
	var only []iptables.SavedRule
	for _, r := range a {
		if left[r.String()]--; left[r.String()] < 0 {
			only = append(only, r)
		}
	}
	return only
}

func order(rules []iptables.SavedRule) string {
	names := make([]string, len(rules))
	for i, r := range rules {
		if names[i] = r.Comment; names[i] == "" {
			names[i] = r.String()
		}
	}
	return strings.Join(names, ", ")
}

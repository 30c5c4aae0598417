package iptables

import "slices"

// Family is the address family a ruleset is for: ip_tables and ip6_tables are separate rulesets of one kernel.
type Family string

// The two families.
const (
	V4 Family = "ipv4"
	V6 Family = "ipv6"
)

// Ruleset is everything that one network namespace should hold for one family, tables in the order in which they are written.
type Ruleset struct {
	Family Family
	Tables []Table
}

// Table is one table with all its chains, in order.
type Table struct {
	Name   string
	Chains []Chain
}

// Chain is one chain with all its rules, in order.
type Chain struct {
	Name   string
	Policy Verdict // of a built-in chain; NoPolicy for every other chain
	Count  Counter // of the policy; built-in chains only
	Rules  []Rule
}

// Rule is one rule: a packet that meets all matches meets the target. All matches and targets are comparable with ==.
type Rule struct {
	Matches []Match // in the order in which they are written; a protocol comes before the matches that need it
	Comment string  // by which people and programs name the rule (-m comment); "": none. Written last before the target
	Target  Target
	Reason  string  // why the rule is there: for readers, not for the kernel
	Count   Counter // to be carried over into the kernel
}

// Counter counts the packets that a rule or a policy matched, and their bytes.
type Counter struct {
	Packets, Bytes uint64
}

// Equal reports whether the rules have the same words. Reasons and counters do not count.
func (r Rule) Equal(other Rule) bool {
	return r.Comment == other.Comment && r.Target == other.Target && slices.Equal(r.Matches, other.Matches)
}

// EqualRules reports whether the rules have the same words in the same order.
func EqualRules(a, b []Rule) bool { return slices.EqualFunc(a, b, Rule.Equal) }

// Table returns the table of that name.
func (s Ruleset) Table(name string) (Table, bool) {
	return find(s.Tables, func(t Table) bool { return t.Name == name })
}

// Chain returns the chain of that name.
func (t Table) Chain(name string) (Chain, bool) {
	return find(t.Chains, func(c Chain) bool { return c.Name == name })
}

func find[T any](all []T, is func(T) bool) (T, bool) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	var none T
	return none, false
}

// Rules is how many rules the table holds.
func (t Table) Rules() int {
	n := 0
	for _, c := range t.Chains {
		n += len(c.Rules)
	}
	return n
}

// Sealed reports whether what the table's policies drop is dropped by rules as well: each built-in chain of policy DROP ends
// with a rule that drops everything. The nft programs that replace a table make its chains with policy ACCEPT, which the kernel
// corrects when the rules hold already, some microseconds later: without such a rule packets pass in between.
func (t Table) Sealed() bool {
	return !slices.ContainsFunc(t.Chains, func(c Chain) bool {
		return c.Policy == Drop && (len(c.Rules) == 0 || !c.Rules[len(c.Rules)-1].dropsAll())
	})
}

// dropsAll reports whether no packet passes the rule.
func (r Rule) dropsAll() bool { return len(r.Matches) == 0 && r.Target == Drop }

// Edit returns a deep copy in which f has changed each rule.
func (s Ruleset) Edit(f func(table, chain string, r Rule) Rule) Ruleset {
	out := Ruleset{Family: s.Family, Tables: slices.Clone(s.Tables)}
	for i, t := range out.Tables {
		out.Tables[i].Chains = slices.Clone(t.Chains)
		for j, c := range out.Tables[i].Chains {
			rules := make([]Rule, len(c.Rules))
			for k, r := range c.Rules {
				r.Matches = slices.Clone(r.Matches)
				rules[k] = f(t.Name, c.Name, r)
			}
			out.Tables[i].Chains[j].Rules = rules
		}
	}
	return out
}

// Cgroups returns the distinct cgroup2 paths that rules match on, in order of appearance.
func (s Ruleset) Cgroups() []string {
	var paths []string
	for _, t := range s.Tables {
		for _, p := range t.Cgroups() {
			if !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
	}
	return paths
}

// Cgroups returns the distinct cgroup2 paths that the table's rules match on.
func (t Table) Cgroups() []string {
	var paths []string
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			for _, m := range r.Matches {
				if g, is := m.(Cgroup); is && !slices.Contains(paths, g.Path) {
					paths = append(paths, g.Path)
				}
			}
		}
	}
	return paths
}

// EditCgroups returns a copy in which f has replaced the path of every cgroup match.
func (s Ruleset) EditCgroups(f func(path string) string) Ruleset {
	return s.Edit(func(_, _ string, r Rule) Rule {
		for i, m := range r.Matches {
			if g, is := m.(Cgroup); is {
				g.Path = f(g.Path)
				r.Matches[i] = g
			}
		}
		return r
	})
}

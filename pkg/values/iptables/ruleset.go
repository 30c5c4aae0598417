package iptables

import "slices"

// Family is the address family a ruleset is for: ip_tables and ip6_tables are separate rulesets of one kernel.
type Family string

// The two families.
const (
	V4 Family = "ipv4"
	V6 Family = "ipv6"
)

// Policy is the verdict of a built-in chain for a packet that no rule decided; a user-defined chain has NoPolicy.
type Policy string

// The policies.
const (
	NoPolicy Policy = "-"
	Accept   Policy = "ACCEPT"
	Drop     Policy = "DROP"
)

// Ruleset is everything that one network namespace holds for one family, tables in the order in which they are written.
type Ruleset struct {
	Family Family
	Tables []Table
}

// Table is one table with all its chains, in order.
type Table struct {
	Name   string
	Chains []Chain
	// Opaque: the kernel's table holds something that the iptables programs cannot show (native nftables chains).
	// Writing the table takes that away.
	Opaque bool
}

// Chain is one chain with all its rules, in order.
type Chain struct {
	Name   string
	Policy Policy
	Count  Counter // of the policy; built-in chains only
	Rules  []Rule
}

// Rule is one rule. Args is what follows "-A CHAIN", split into words.
type Rule struct {
	Args   []string
	Reason string  // why the rule is there: for readers, not for the kernel
	Count  Counter // as read from the kernel, or to be carried over into it
}

// Counter counts what a rule or a policy matched.
type Counter struct {
	Packets, Bytes uint64
}

// Comment is the rule's comment (-m comment), by which people and programs name it; "" if it has none.
func (r Rule) Comment() string { return r.after("--comment") }

// after returns the word that follows the given option.
func (r Rule) after(option string) string {
	i := slices.Index(r.Args, option)
	if i < 0 || i+1 >= len(r.Args) {
		return ""
	}
	return r.Args[i+1]
}

// Table returns the table of that name.
func (s Ruleset) Table(name string) (Table, bool) {
	i := slices.IndexFunc(s.Tables, func(t Table) bool { return t.Name == name })
	if i < 0 {
		return Table{}, false
	}
	return s.Tables[i], true
}

// Chain returns the chain of that name.
func (t Table) Chain(name string) (Chain, bool) {
	i := slices.IndexFunc(t.Chains, func(c Chain) bool { return c.Name == name })
	if i < 0 {
		return Chain{}, false
	}
	return t.Chains[i], true
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
func (r Rule) dropsAll() bool {
	words := r.Args
	if i := slices.Index(words, "--comment"); i > 0 && i+1 < len(words) && words[i-1] == "comment" {
		words = slices.Concat(words[:i-2], words[i+2:]) // -m comment --comment TEXT
	}
	return slices.Equal(words, []string{"-j", "DROP"})
}

// Empty reports whether the ruleset lets everything through untouched: no rule, no own chain, no policy but ACCEPT.
func (s Ruleset) Empty() bool {
	for _, t := range s.Tables {
		if t.Opaque {
			return false
		}
		for _, c := range t.Chains {
			if len(c.Rules) > 0 || c.Policy != Accept {
				return false
			}
		}
	}
	return true
}

// Edit returns a deep copy in which f has changed each rule.
func (s Ruleset) Edit(f func(table, chain string, r Rule) Rule) Ruleset {
	out := Ruleset{Family: s.Family, Tables: slices.Clone(s.Tables)}
	for i, t := range out.Tables {
		out.Tables[i].Chains = slices.Clone(t.Chains)
		for j, c := range out.Tables[i].Chains {
			rules := make([]Rule, len(c.Rules))
			for k, r := range c.Rules {
				r.Args = slices.Clone(r.Args)
				rules[k] = f(t.Name, c.Name, r)
			}
			out.Tables[i].Chains[j].Rules = rules
		}
	}
	return out
}

// Cgroups returns the distinct cgroup2 paths that rules match on (xt_cgroup --path), in order of appearance.
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
			if p := r.after("--path"); p != "" && !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
	}
	return paths
}

// WithCgroup returns a copy in which every cgroup match names path.
func (s Ruleset) WithCgroup(path string) Ruleset {
	return s.EditCgroups(func(string) string { return path })
}

// EditCgroups returns a copy in which f has replaced the path of every cgroup match.
func (s Ruleset) EditCgroups(f func(path string) string) Ruleset {
	return s.Edit(func(_, _ string, r Rule) Rule {
		if i := slices.Index(r.Args, "--path"); i >= 0 && i+1 < len(r.Args) {
			r.Args[i+1] = f(r.Args[i+1])
		}
		return r
	})
}

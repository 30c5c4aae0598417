package redirect

import (
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
)

// Document renders the rules, every one with its reason and with the setting and family that it is for, as Markdown.
// RULES.md at the root of the repository is this text.
func Document() string {
	var b strings.Builder
	b.WriteString(opening)
	for _, n := range append(proxyPorts(), apis.PortDNS) {
		fmt.Fprintf(&b, "| %d | %s |\n", n, portName(n))
	}
	b.WriteString(journeys)
	for _, t := range variants()[0].set.Tables {
		fmt.Fprintf(&b, "\n## Table %s\n\n%s\n", t.Name, tableIntroduction(t.Name))
		for _, c := range t.Chains {
			b.WriteString(chainSection(t.Name, c))
		}
	}
	return b.String()
}

// variant is one ruleset that the planner makes. The first of all variants has every rule that any of them has.
type variant struct {
	set   iptables.Ruleset
	v6    bool
	bound bool
}

// documentedPod is the pod's cgroup in the rules that Document renders.
const documentedPod = "/pod"

func variants() []variant {
	var all []variant
	for _, p := range []Proxy{{Cgroup: documentedPod + "/proxy", Pod: documentedPod}, {}} {
		sets := Plan(Settings{IPv6: true}, p)
		slices.Reverse(sets) // IPv6 first: it has rules that IPv4 has not
		for _, s := range sets {
			all = append(all, variant{set: s, v6: s.Family == iptables.V6, bound: p.Cgroup != ""})
		}
	}
	return all
}

func chainSection(table string, c iptables.Chain) string {
	if len(c.Rules) == 0 {
		return fmt.Sprintf("\n%s / %s has no rules; its policy is **%s**.\n", table, c.Name, c.Policy)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s / %s\n\n| rule | packet | verdict | why |\n|---|---|---|---|\n", table, c.Name)
	for _, r := range c.Rules {
		packet, verdict := inFamilies(table, c.Name, r.Comment())
		fmt.Fprintf(&b, "| `%s`%s | %s | **%s** | %s |\n", r.Comment(), when(table, c.Name, r.Comment()), packet, verdict, r.Reason)
	}
	if c.Policy != iptables.NoPolicy {
		fmt.Fprintf(&b, "| *policy* | whatever is left | **%s** | |\n", c.Policy)
	}
	return b.String()
}

// inFamilies says what the rule does, and where the families differ, both.
func inFamilies(table, chain, comment string) (packet, verdict string) {
	packets, verdicts := map[bool]string{}, map[bool]string{}
	for _, v := range variants() {
		if r, found := find(v.set, table, chain, comment); found {
			packets[v.v6], verdicts[v.v6] = inWords(r.Args)
		}
	}
	return both(packets[false], packets[true]), both(verdicts[false], verdicts[true])
}

// both joins what is said for IPv4 with what is said for IPv6.
func both(v4, v6 string) string {
	if v4 == "" {
		return v6
	}
	fours, sixes := strings.Split(v4, ", "), strings.Split(v6, ", ")
	for i := range fours {
		if fours[i] != sixes[i] {
			fours[i] += " (IPv6: " + sixes[i] + ")"
		}
	}
	return strings.Join(fours, ", ")
}

func find(s iptables.Ruleset, table, chain, comment string) (iptables.Rule, bool) {
	t, _ := s.Table(table)
	c, _ := t.Chain(chain)
	i := slices.IndexFunc(c.Rules, func(r iptables.Rule) bool { return r.Comment() == comment })
	if i < 0 {
		return iptables.Rule{}, false
	}
	return c.Rules[i], true
}

// when says what the rule depends on.
func when(table, chain, comment string) string {
	var conditions string
	inV4, unbound := false, false
	for _, v := range variants() {
		_, found := find(v.set, table, chain, comment)
		inV4 = inV4 || found && !v.v6
		unbound = unbound || found && !v.bound
	}
	if !unbound {
		conditions += "<br>bound only"
	}
	if !inV4 {
		conditions += "<br>IPv6 only"
	}
	return conditions
}

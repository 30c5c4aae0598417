package main

import (
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
)

// document renders the rules, every one with its reason and with the setting and family that it is for, as Markdown.
// RULES.md at the root of the repository is this text.
func document() string {
	var b strings.Builder
	b.WriteString(opening)
	for _, n := range append(apis.ProxyPorts(), apis.PortDNS) {
		fmt.Fprintf(&b, "| %d | %s |\n", n, portName(n))
	}
	b.WriteString(journeys)
	all := variants()
	for _, t := range all[0].set.Tables {
		fmt.Fprintf(&b, "\n## Table %s\n\n%s\n", t.Name, tableIntroduction(t.Name))
		for _, c := range t.Chains {
			b.WriteString(chainSection(all, t.Name, c))
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

// pod and proxy are the cgroups in the rules that the document shows.
const (
	pod   = "/pod"
	proxy = pod + "/proxy"
)

// names are what the document calls the cgroups and marks.
func names() iptables.Names {
	return iptables.Names{
		Cgroups: map[string]string{pod: "the pod's", proxy: "the proxy's"},
		ConnMarks: map[iptables.Mark]string{
			iptables.WholeMark(redirect.Mark):       "the mark *proxy*",
			iptables.WholeMark(redirect.MarkComing): "the mark *coming*",
			redirect.EitherMark():                   "either mark",
		},
		PacketMarks: map[iptables.Mark]string{iptables.WholeMark(redirect.SocketMark): "the one of the proxy's listeners"},
	}
}

func variants() []variant {
	var all []variant
	for _, p := range []redirect.Proxy{{Cgroup: proxy, Pod: pod}, {}} {
		sets := redirect.Plan(redirect.Settings{IPv6: true}, p)
		slices.Reverse(sets) // IPv6 first: it has rules that IPv4 has not
		for _, s := range sets {
			all = append(all, variant{set: s, v6: s.Family == iptables.V6, bound: p.Cgroup != ""})
		}
	}
	return all
}

func chainSection(all []variant, table string, c iptables.Chain) string {
	if len(c.Rules) == 0 {
		return fmt.Sprintf("\n%s / %s has no rules; its policy is **%s**.\n", table, c.Name, c.Policy)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s / %s\n\n| rule | packet | verdict | why |\n|---|---|---|---|\n", table, c.Name)
	for _, r := range c.Rules {
		packet, verdict := inFamilies(all, table, c.Name, r.Comment)
		fmt.Fprintf(&b, "| `%s`%s | %s | **%s** | %s |\n", r.Comment, when(all, table, c.Name, r.Comment), packet, verdict, r.Reason)
	}
	if c.Policy != iptables.NoPolicy {
		fmt.Fprintf(&b, "| *policy* | whatever is left | **%s** | |\n", c.Policy)
	}
	return b.String()
}

// inFamilies returns the rule's matches and its verdict. Where the families differ, both are shown.
func inFamilies(all []variant, table, chain, comment string) (packet, verdict string) {
	conditions, targets := map[bool][]string{}, map[bool]string{}
	for _, v := range all {
		r, found := find(v.set, table, chain, comment)
		if !found {
			continue
		}
		conditions[v.v6] = make([]string, len(r.Matches))
		for i, m := range r.Matches {
			conditions[v.v6][i] = m.Prose(names())
		}
		targets[v.v6] = targetProse(r.Target)
	}
	return matchesProse(conditions[false], conditions[true]), both(targets[false], targets[true])
}

// matchesProse joins the conditions of IPv4 with those of IPv6, which are as many or which IPv4 has not.
func matchesProse(v4, v6 []string) string {
	joined := slices.Clone(v6)
	for i := range v4 {
		joined[i] = both(v4[i], v6[i])
	}
	if len(joined) == 0 {
		return "every packet"
	}
	return strings.Join(joined, ", ")
}

// both is the text for IPv4, with that for IPv6 if it is another.
func both(v4, v6 string) string {
	switch v4 {
	case "":
		return v6
	case v6:
		return v4
	}
	return v4 + " (IPv6: " + v6 + ")"
}

// targetProse names what a target means for the proxy.
func targetProse(t iptables.Target) string {
	if port, is := t.(iptables.Redirect); is {
		return fmt.Sprintf("to the proxy's port %d", port)
	}
	if t == iptables.Return {
		return "leave its destination alone"
	}
	return t.Prose(names())
}

func find(s iptables.Ruleset, table, chain, comment string) (iptables.Rule, bool) {
	t, _ := s.Table(table)
	c, _ := t.Chain(chain)
	i := slices.IndexFunc(c.Rules, func(r iptables.Rule) bool { return r.Comment == comment })
	if i < 0 {
		return iptables.Rule{}, false
	}
	return c.Rules[i], true
}

// when returns the settings and the family that the rule depends on.
func when(all []variant, table, chain, comment string) string {
	var conditions string
	inV4, unbound := false, false
	for _, v := range all {
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

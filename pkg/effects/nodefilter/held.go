package nodefilter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// held is what the kernel's filter table holds of one family.
type held struct{ table iptables.SavedTable }

func (f *Filter) readChains(ctx context.Context, family iptables.Family) (held, error) {
	out, err := f.run(ctx, "", f.backend.Program(family, "save"), "--counters", "-t", "filter")
	if err != nil {
		return held{}, fmt.Errorf("read the node's filter: %w", err)
	}
	set, err := iptables.ParseSave(family, out)
	if err != nil {
		return held{}, err
	}
	table, _ := set.Table("filter")
	f.count(family, table)
	return held{table: table}, nil
}

func ours(chain string) bool { return strings.HasPrefix(chain, netpol.ChainPrefix) }

// names are the chains that are ours.
func (h held) names() []string {
	var out []string
	for _, c := range h.table.Chains {
		if ours(c.Name) {
			out = append(out, c.Name)
		}
	}
	return out
}

func (h held) byName() map[string]iptables.SavedChain {
	out := make(map[string]iptables.SavedChain, len(h.table.Chains))
	for _, c := range h.table.Chains {
		out[c.Name] = c
	}
	return out
}

// jumps are the rules of others' chains that lead to ours, except in chains whose hook is right: alone and in first place.
func (h held) jumps(right []netpol.Hook) []xtables.Place {
	var out []xtables.Place
	for _, c := range h.table.Chains {
		if ours(c.Name) || slices.ContainsFunc(right, func(k netpol.Hook) bool { return k.Chain == c.Name }) {
			continue
		}
		for _, r := range c.Rules {
			if ours(r.Target) {
				out = append(out, xtables.Place{Chain: c.Name, Words: r.Words})
			}
		}
	}
	return out
}

// hooked reports whether the hook is the first rule of its chain, and the only one there that leads to us.
func (h held) hooked(hook netpol.Hook) bool {
	for i, r := range h.byName()[hook.Chain].Rules {
		if i == 0 {
			if r.Goto || r.Target != hook.Target || len(r.Words) > 2 {
				return false
			}
		} else if ours(r.Target) {
			return false
		}
	}
	return len(h.byName()[hook.Chain].Rules) > 0
}

// hookLines make every hook right. Other rules stay, in their order.
func (h held) hookLines(hooks []netpol.Hook) (lines, moved []string) {
	var right []netpol.Hook
	for _, k := range hooks {
		if h.hooked(k) {
			right = append(right, k)
		}
	}
	for _, p := range h.jumps(right) {
		lines = append(lines, "-D "+p.Chain+" "+iptables.SavedRule{Words: p.Words}.String())
	}
	for _, k := range hooks {
		if !slices.Contains(right, k) {
			lines = append(lines, "-I "+k.Chain+" 1 -j "+k.Target)
			moved = append(moved, k.Chain)
		}
	}
	return lines, moved
}

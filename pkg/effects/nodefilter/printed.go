package nodefilter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// printed returns the chains' rules as iptables-save prints them: in other words than they are written in, but always
// in the same. Chains that were never seen are written to a scratch namespace once.
func (f *Filter) printed(ctx context.Context, s netpol.State, chains []iptables.Chain) ([][]iptables.SavedRule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	keys := make([]string, len(chains))
	var unseen []iptables.Chain
	for i, c := range chains {
		keys[i] = key(s.Family, c)
		if _, ok := f.seen[keys[i]]; !ok {
			unseen = append(unseen, c)
		}
	}
	if len(unseen) > 0 {
		if err := f.print(ctx, s, unseen); err != nil {
			return nil, err
		}
	}
	out := make([][]iptables.SavedRule, len(chains))
	for i := range chains {
		out[i] = f.seen[keys[i]]
	}
	f.forget(s)
	return out, nil
}

func key(family iptables.Family, c iptables.Chain) string {
	var b strings.Builder
	b.WriteString(string(family) + "\n" + c.Name)
	for _, r := range c.Rules {
		b.WriteString("\n" + r.String())
	}
	return b.String()
}

// forget drops what no chain of the state needs, when it has grown to several times the state.
func (f *Filter) forget(s netpol.State) {
	if len(f.seen) < 8*len(s.Chains)+64 {
		return
	}
	current := make(map[string]struct{}, len(s.Chains))
	for _, c := range s.Chains {
		current[key(s.Family, c)] = struct{}{}
	}
	for k := range f.seen {
		if _, ok := current[k]; !ok && strings.HasPrefix(k, string(s.Family)+"\n") {
			delete(f.seen, k)
		}
	}
}

// scratchLock is the lock of a scratch namespace: a file that each network namespace has for itself, so that the node's lock
// is left to those who need it.
const scratchLock = "/proc/self/net/dev"

// print writes the chains to a scratch namespace and reads them back.
func (f *Filter) print(ctx context.Context, s netpol.State, chains []iptables.Chain) error {
	scratch, err := netns.Scratch()
	if err != nil {
		return err
	}
	defer scratch.Close()
	var sets []ipset.Op
	for _, set := range s.Sets {
		sets = append(sets, ipset.Op{Verb: ipset.Create, Set: set.Name, Type: set.Type, Family: set.Family})
	}
	if _, err := xtables.Run(ctx, scratch, scratchLock, ipset.Restore(sets), "ipset", "restore"); err != nil {
		return fmt.Errorf("make the sets in a scratch namespace: %w", err)
	}
	if err := f.restoreIn(ctx, scratch, scratchLock, s.Family, append(stubs(chains), chainLines(chains, nil, nil)...)); err != nil {
		return err
	}
	out, err := xtables.Run(ctx, scratch, scratchLock, "", f.backend.Program(s.Family, "save"), "-t", "filter")
	if err != nil {
		return err
	}
	set, err := iptables.ParseSave(s.Family, out)
	if err != nil {
		return err
	}
	table, _ := set.Table("filter")
	have := held{table: table}.byName()
	for _, c := range chains {
		rules := have[c.Name].Rules
		if len(rules) != len(c.Rules) {
			return fmt.Errorf("chain %s: %d rules were written and %d are printed", c.Name, len(c.Rules), len(rules))
		}
		f.seen[key(s.Family, c)] = rules
	}
	return nil
}

// stubs declare the chains that the given ones lead to.
func stubs(chains []iptables.Chain) []string {
	var lines []string
	for _, c := range chains {
		for _, r := range c.Rules {
			to := iptables.ChainOf(r.Target)
			if line := ":" + to + " - [0:0]"; ours(to) && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

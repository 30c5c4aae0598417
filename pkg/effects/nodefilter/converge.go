package nodefilter

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// Finding is one way in which the kernel differed from what it should hold.
type Finding struct {
	Family iptables.Family `json:"family,omitempty"`
	What   string          `json:"what"` // "chain", "set" or "hook"
	Name   string          `json:"name"`
	How    string          `json:"how"` // "missing", "different" or "leftover"
}

// String is the finding for people.
func (f Finding) String() string {
	return fmt.Sprintf("%s %s %s (%s)", f.What, f.Name, f.How, f.Family)
}

// Converge makes the kernel hold exactly the states and returns how it differed. It writes only what differs: rules
// that stay keep their counts, and what both the old and the new state allow passes all the while. Chains and sets that
// bear our prefix and are in no state are swept.
func (f *Filter) Converge(ctx context.Context, states []netpol.State) ([]Finding, error) {
	var findings []Finding
	sets, err := f.readSets(ctx)
	if err != nil {
		return nil, err
	}
	plan := planSets(states, sets)
	if err := f.writeSets(ctx, plan.before); err != nil {
		return plan.findings, err
	}
	results := make([][]Finding, len(states))
	var group errgroup.Group
	for i, s := range states {
		group.Go(func() (err error) {
			results[i], err = f.convergeChains(ctx, s)
			return err
		})
	}
	err = group.Wait()
	findings = slices.Concat(append([][]Finding{plan.findings}, results...)...)
	if err != nil {
		return findings, err
	}
	return findings, f.writeSets(ctx, plan.after)
}

// setPlan is what must happen to sets round the writing of chains.
type setPlan struct {
	before, after []ipset.Op
	findings      []Finding
}

// planSets returns what makes the kernel's sets those of the states. Members are added before the chains that read the sets are written, and
// removed after, so that no set lacks a member meanwhile that it had and is to have.
func planSets(states []netpol.State, kernel []ipset.Set) setPlan {
	var p setPlan
	have := map[string]ipset.Set{}
	for _, s := range kernel {
		have[s.Name] = s
	}
	for _, state := range states {
		for _, want := range state.Sets {
			is, there := have[want.Name]
			delete(have, want.Name)
			if !there {
				p.before = append(p.before, want.Make()...)
				p.find(state.Family, want.Name, "missing")
				continue
			}
			before, after := len(p.before), len(p.after)
			p.before = append(p.before, missing(want.Entries, is.Entries, ipset.Add, want.Name)...)
			p.after = append(p.after, missing(is.Entries, want.Entries, ipset.Del, want.Name)...)
			if len(p.before) > before || len(p.after) > after {
				p.find(state.Family, want.Name, "different")
			}
		}
	}
	for _, s := range kernel {
		if _, leftover := have[s.Name]; leftover {
			p.after = append(p.after, ipset.Op{Verb: ipset.Destroy, Set: s.Name})
			p.find("", s.Name, "leftover")
		}
	}
	return p
}

func (p *setPlan) find(family iptables.Family, name, how string) {
	p.findings = append(p.findings, Finding{Family: family, What: "set", Name: name, How: how})
}

// missing are the entries of a that b lacks, as operations.
func missing(a, b []ipset.Entry, verb ipset.Verb, set string) []ipset.Op {
	in := make(map[ipset.Entry]struct{}, len(b))
	for _, e := range b {
		in[e] = struct{}{}
	}
	var ops []ipset.Op
	for _, e := range a {
		if _, ok := in[e]; !ok {
			ops = append(ops, ipset.Op{Verb: verb, Set: set, Entry: e})
		}
	}
	return ops
}

// attempts is how often a transaction is tried that somebody else's change keeps failing.
const attempts = 3

// convergeChains writes one family's chains and hooks in one transaction. What was read may be old when it is written:
// then the transaction fails as a whole, and all is read again.
func (f *Filter) convergeChains(ctx context.Context, s netpol.State) (findings []Finding, err error) {
	for range attempts {
		var lines []string
		lines, findings, err = f.planChains(ctx, s)
		if err != nil {
			return findings, err
		}
		if err = f.restore(ctx, s.Family, lines); err == nil || ctx.Err() != nil {
			return findings, err
		}
	}
	return findings, err
}

// planChains returns the lines for iptables-restore that make the kernel's chains and hooks those of the state, and how they differed. Rules
// that stay keep their counters.
func (f *Filter) planChains(ctx context.Context, s netpol.State) (lines []string, findings []Finding, err error) {
	kernel, err := f.readChains(ctx, s.Family)
	if err != nil {
		return nil, nil, err
	}
	find := func(what, name, how string) {
		findings = append(findings, Finding{Family: s.Family, What: what, Name: name, How: how})
	}
	changed, counts, err := f.changed(ctx, s, kernel, find)
	if err != nil {
		return nil, findings, err
	}
	var gone []string
	for _, name := range kernel.names() {
		if !slices.ContainsFunc(s.Chains, func(c iptables.Chain) bool { return c.Name == name }) {
			gone = append(gone, name)
			find("chain", name, "leftover")
		}
	}
	hooks, moved := kernel.hookLines(s.Hooks)
	for _, name := range moved {
		find("hook", name, "missing or not first")
	}
	filled := chainLines(changed, nil, counts)
	// The new chains, then the ways to them, then what nobody leads to any more.
	return slices.Concat(filled, hooks, chainLines(nil, gone, nil)), findings, nil
}

// changed are the chains that the kernel holds otherwise, with the counts that their rules keep.
func (f *Filter) changed(ctx context.Context, s netpol.State, kernel held, find func(what, name, how string)) ([]iptables.Chain, map[string][]iptables.Counter, error) {
	have := kernel.byName()
	var changed, compare []iptables.Chain
	for _, want := range s.Chains {
		if _, there := have[want.Name]; !there {
			changed = append(changed, want)
			find("chain", want.Name, "missing")
			continue
		}
		compare = append(compare, want)
	}
	printed, err := f.printed(ctx, s, compare)
	if err != nil {
		return nil, nil, err
	}
	counts := map[string][]iptables.Counter{}
	for i, want := range compare {
		is := have[want.Name]
		if slices.EqualFunc(printed[i], is.Rules, iptables.SavedRule.Equal) {
			continue
		}
		changed = append(changed, want)
		counts[want.Name] = kept(printed[i], is.Rules)
		find("chain", want.Name, "different")
	}
	return changed, counts, nil
}

// kept are the counts of the rules that were there before, by their text.
func kept(want, have []iptables.SavedRule) []iptables.Counter {
	counts := map[string]iptables.Counter{}
	for _, r := range have {
		counts[r.String()] = r.Count
	}
	out := make([]iptables.Counter, len(want))
	for i, r := range want {
		out[i] = counts[r.String()]
	}
	return out
}

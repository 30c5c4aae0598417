package dataplane

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/effects/fault"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// Dataplane reads and writes the rulesets of network namespaces with one backend. Safe for concurrent use; calls for one
// namespace must not overlap.
type Dataplane struct {
	backend    xtables.Backend
	references references
}

// New returns a Dataplane that uses the given backend.
func New(b xtables.Backend) *Dataplane { return &Dataplane{backend: b} }

// Check renders the rulesets into a scratch namespace. The error names the table, the rule and what the kernel lacks.
func (d *Dataplane) Check(ctx context.Context, desired []iptables.Ruleset) error {
	_, err := each(ctx, desired, func(ctx context.Context, set iptables.Ruleset) (iptables.Saved, error) {
		return d.reference(ctx, set)
	})
	return err
}

// Observe reads what the namespace holds and how it differs from what is desired. It writes nothing there.
func (d *Dataplane) Observe(ctx context.Context, ns *netns.Namespace, desired []iptables.Ruleset) (State, error) {
	results, err := each(ctx, desired, func(ctx context.Context, set iptables.Ruleset) (result, error) {
		return d.observe(ctx, ns, set)
	})
	return d.state(results), err
}

// Enforce replaces the namespace's tables by the desired rulesets, independent of what the kernel held. It writes only tables that
// differ, in their order, keeps the counters of rules that stay, and reads back what it wrote: a nil error means
// that the kernel holds it. After an error the tables that were written stay; their order makes that a closed state. If not
// even the first could be written, what was there stays: in a new namespace that is nothing, and the caller must write
// something simpler (redirect.Closed). errors.Is ErrTaken: nothing was written in a family, for the way there is not closed.
func (d *Dataplane) Enforce(ctx context.Context, ns *netns.Namespace, desired []iptables.Ruleset) (State, error) {
	return d.enforce(ctx, ns, desired, false)
}

// Rewrite is Enforce that writes tables which name a cgroup in any case: a rule's text cannot tell whether that is still the
// one it was bound to.
func (d *Dataplane) Rewrite(ctx context.Context, ns *netns.Namespace, desired []iptables.Ruleset) (State, error) {
	return d.enforce(ctx, ns, desired, true)
}

// Fill adds rules to tables whose built-in chains are there and empty. It looks at nothing, before or after: that is
// Enforce's, which must follow. It is the fastest way to write a table with the nft backend: where nothing is taken away
// the kernel waits for no RCU grace period.
func (d *Dataplane) Fill(ctx context.Context, ns *netns.Namespace, rules []iptables.Ruleset) error {
	_, err := each(ctx, rules, func(ctx context.Context, set iptables.Ruleset) (struct{}, error) {
		return struct{}{}, d.write(ctx, ns, set, iptables.Table.Filling, "--noflush")
	})
	return err
}

// Clear empties the namespace's rulesets, nat first: what it goes through are closed states until filter is opened.
func (d *Dataplane) Clear(ctx context.Context, ns *netns.Namespace, families ...iptables.Family) error {
	_, err := each(ctx, families, func(ctx context.Context, f iptables.Family) (struct{}, error) {
		held, err := d.save(ctx, ns, f)
		if err != nil {
			return struct{}{}, err
		}
		blank := iptables.Ruleset{Family: f}
		for _, name := range []string{"nat", "mangle", "raw", "security", "filter"} {
			if t, ok := held.Table(name); ok {
				blank.Tables = append(blank.Tables, t.Blank())
			}
		}
		return struct{}{}, d.restore(ctx, ns, blank)
	})
	return err
}

// enforce reads each family's tables, writes those that differ (with force also those that name a control group), and reads them again: it is
// an error if the kernel does not hold what was written.
func (d *Dataplane) enforce(ctx context.Context, ns *netns.Namespace, desired []iptables.Ruleset, force bool) (State, error) {
	families := make([]iptables.Family, len(desired))
	for i, set := range desired {
		families[i] = set.Family
	}
	before := d.mark(ns, families)
	results, err := each(ctx, desired, func(ctx context.Context, set iptables.Ruleset) (result, error) {
		before, err := d.observe(ctx, ns, set)
		due := ordered(dueTables(set.Over(before.held), before.drift, force), before.held)
		if err != nil || len(due.Tables) == 0 {
			return before, err
		}
		fault.At(fault.Looked)
		if err := d.put(ctx, ns, due, before.held); err != nil {
			return before, err
		}
		fault.At(fault.Written)
		after, err := d.observe(ctx, ns, set)
		fault.At(fault.Verified)
		if err == nil && len(after.drift) > 0 {
			err = fmt.Errorf("the kernel does not hold what was written: %v", after.drift)
		}
		return result{held: after.held, drift: before.drift, wrote: true}, err
	})
	state := d.state(results)
	if err == nil && !state.Wrote && len(state.Drift) == 0 && d.mark(ns, families) == before {
		state.mark = before
	}
	return state, err
}

// dueTables returns the tables of the ruleset that must be written: tables that differ and, if bound, tables that match a cgroup.
func dueTables(set iptables.Ruleset, differs []drift.Finding, bound bool) iptables.Ruleset {
	due := iptables.Ruleset{Family: set.Family}
	for _, t := range set.Tables {
		of := func(f drift.Finding) bool { return f.Table() == t.Name }
		if slices.ContainsFunc(differs, of) || bound && len(t.Cgroups()) > 0 {
			due.Tables = append(due.Tables, t)
		}
	}
	return due
}

// ordered are the tables in the order in which a write may stop anywhere. Filter lets packets pass that nat has led, or once
// led, to the proxy, and relies on mangle to see where they really go: where mangle has been, and may be empty by now, it
// goes in before filter.
func ordered(due iptables.Ruleset, held iptables.Saved) iptables.Ruleset {
	first := func(t iptables.Table) int {
		if _, was := held.Table(t.Name); was && t.Name == "mangle" && t.Rules() > 0 {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(due.Tables, func(a, b iptables.Table) int { return cmp.Compare(first(a), first(b)) })
	return due
}

// ErrTaken means that the namespace is not new, or no longer: tables that are not sealed must not replace others there.
var ErrTaken = errors.New("the namespace holds rules already, and those to be written would let packets pass for a moment while they replace them")

// put writes tables over what the namespace holds. In a new namespace the shorter way is tried first, and it is the only one
// for tables that are not sealed, because another program may write at the same time.
func (d *Dataplane) put(ctx context.Context, ns *netns.Namespace, set iptables.Ruleset, held iptables.Saved) error {
	if len(held.Tables) == 0 && create(d.backend, ns, set) == nil {
		return nil
	}
	if d.backend == xtables.NFT && slices.ContainsFunc(set.Tables, func(t iptables.Table) bool { return !t.Sealed() }) {
		return ErrTaken
	}
	return d.restore(ctx, ns, set)
}

// result is the outcome for one family.
type result struct {
	held  iptables.Saved
	drift []drift.Finding
	wrote bool
}

func (d *Dataplane) observe(ctx context.Context, ns *netns.Namespace, desired iptables.Ruleset) (result, error) {
	want, err := d.reference(ctx, desired)
	if err != nil {
		return result{}, err
	}
	have, err := d.save(ctx, ns, desired.Family)
	if err != nil {
		return result{}, err
	}
	return result{held: have, drift: drift.Compare(want, have)}, nil
}

func (d *Dataplane) state(results []result) State {
	s := State{Backend: d.backend}
	hash := sha256.New()
	for _, r := range results {
		s.Rulesets = append(s.Rulesets, r.held)
		s.Drift = append(s.Drift, r.drift...)
		s.Wrote = s.Wrote || r.wrote
		hash.Write([]byte(string(r.held.Family) + "\n" + r.held.Text()))
	}
	s.Hash = hex.EncodeToString(hash.Sum(nil))
	for _, r := range results {
		s.Dropped = s.Dropped.Plus(r.held.Drops())
	}
	return s
}

// each runs f for all inputs side by side (a commit of the nft backend mostly waits) and returns the results in order, and
// the first error in that order. All run to their end: one family's failure must not stop the other's containment.
func each[I, O any](ctx context.Context, inputs []I, f func(context.Context, I) (O, error)) ([]O, error) {
	results, errs := make([]O, len(inputs)), make([]error, len(inputs))
	var group sync.WaitGroup
	for i, in := range inputs {
		group.Go(func() { results[i], errs[i] = f(ctx, in) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

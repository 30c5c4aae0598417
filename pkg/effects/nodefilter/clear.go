package nodefilter

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// Removed counts what was taken away.
type Removed struct{ Chains, Sets int }

// Clean takes away every jump, chain and set that is ours from a node, of this version or an older one, whichever
// backend they were written with. Chains go before sets, which they hold. lockfile is where the writers of the node's legacy
// tables take turns, from now on for the whole process; "" changes nothing.
func Clean(ctx context.Context, node *netns.Namespace, lockfile string, families ...iptables.Family) (Removed, error) {
	var removed Removed
	if err := xtables.UseLock(lockfile); err != nil {
		return removed, err
	}
	f := New(node, "")
	for _, f.backend = range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		n, err := f.clearChains(ctx, f.present(ctx, families))
		removed.Chains += n
		if err != nil {
			return removed, err
		}
	}
	n, err := f.clearSets(ctx)
	removed.Sets = n
	return removed, err
}

// Clear takes away every jump, chain and set that is ours and of this backend.
func (f *Filter) Clear(ctx context.Context, families ...iptables.Family) error {
	if _, err := f.clearChains(ctx, families); err != nil {
		return err
	}
	_, err := f.clearSets(ctx)
	return err
}

// clearChains removes the jumps to our chains and the chains, and returns how many chains it removed. After an error what was removed stays
// removed; the call may be repeated.
func (f *Filter) clearChains(ctx context.Context, families []iptables.Family) (int, error) {
	removed := 0
	for _, family := range families {
		held, err := f.readChains(ctx, family)
		if err != nil {
			return removed, err
		}
		// The jumps go first, each on its own, as other programs write the same chains. Our own chains, of which there may be
		// thousands, then go in one transaction.
		if err := f.single(family).Delete(ctx, "filter", held.jumps(nil)...); err != nil {
			return removed, fmt.Errorf("clear: %w", err)
		}
		names := held.names()
		if err := f.restore(ctx, family, chainLines(nil, names, nil)); err != nil {
			return removed, fmt.Errorf("clear: %w", err)
		}
		removed += len(names)
	}
	return removed, nil
}

func (f *Filter) single(family iptables.Family) xtables.Single {
	return xtables.Single{NS: f.node, Backend: f.backend, Family: family, Wait: lockWait}
}

func (f *Filter) clearSets(ctx context.Context) (int, error) {
	sets, err := f.readSets(ctx)
	if err != nil {
		return 0, err
	}
	ops := make([]ipset.Op, len(sets))
	for i, s := range sets {
		ops[i] = ipset.Op{Verb: ipset.Destroy, Set: s.Name}
	}
	return len(sets), f.writeSets(ctx, ops)
}

// SweepOther clears the chains of the backend that is not this one's. It reports whether there were any.
func (f *Filter) SweepOther(ctx context.Context, families []iptables.Family) (bool, error) {
	other := New(f.node, xtables.NFT)
	if f.backend == xtables.NFT {
		other = New(f.node, xtables.Legacy)
	}
	n, err := other.clearChains(ctx, other.present(ctx, families))
	return n > 0, err
}

// present are the families of which the backend can hold anything. One that cannot be read holds nothing; and a look with
// the legacy programs at a table that is not there would make it.
func (f *Filter) present(ctx context.Context, families []iptables.Family) []iptables.Family {
	var out []iptables.Family
	for _, family := range families {
		if f.backend == xtables.Legacy && !f.hasTable(family) {
			continue
		}
		if _, err := f.readChains(ctx, family); err == nil {
			out = append(out, family)
		}
	}
	return out
}

// hasTable reports whether the kernel has the family's legacy filter table.
func (f *Filter) hasTable(family iptables.Family) bool {
	name := "/proc/thread-self/net/ip_tables_names"
	if family == iptables.V6 {
		name = "/proc/thread-self/net/ip6_tables_names"
	}
	var text []byte
	err := f.node.Do(func() (err error) {
		text, err = os.ReadFile(name)
		return err
	})
	return err == nil && slices.Contains(strings.Fields(string(text)), "filter")
}

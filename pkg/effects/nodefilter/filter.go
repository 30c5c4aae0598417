package nodefilter

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
)

// Filter writes and reads one node's filter. Calls must not overlap, but Cut and Bridges may run beside the others.
type Filter struct {
	node    *netns.Namespace
	backend xtables.Backend

	mu   sync.Mutex
	seen map[string][]iptables.SavedRule // how iptables-save prints a chain, by its text as it was written

	counting sync.Mutex
	counts   map[iptables.Family]map[netpol.Reason]uint64 // of refused packets
}

// New returns the filter of the node whose network namespace is given. Nothing is written yet.
func New(node *netns.Namespace, backend xtables.Backend) *Filter {
	return &Filter{node: node, backend: backend, seen: map[string][]iptables.SavedRule{},
		counts: map[iptables.Family]map[netpol.Reason]uint64{}}
}

// Apply writes deltas one after another, each in its order; the families do not wait for each other. It must follow a
// Converge. After an error the kernel may hold a part of the deltas, and only Converge makes them whole. Operations on sets
// between two transactions of chains share one program.
func (f *Filter) Apply(ctx context.Context, deltas ...netpol.Delta) error {
	var ops []ipset.Op
	for _, d := range deltas {
		ops = append(ops, d.Before...)
		if len(d.Chains) > 0 {
			if err := f.writeSets(ctx, ops); err != nil {
				return err
			}
			if err := f.writeChains(ctx, d.Chains); err != nil {
				return err
			}
			ops = nil
		}
		ops = append(ops, d.After...)
	}
	return f.writeSets(ctx, ops)
}

func (f *Filter) writeChains(ctx context.Context, deltas []netpol.ChainDelta) error {
	var group errgroup.Group
	for _, c := range deltas {
		group.Go(func() error {
			return f.restore(ctx, c.Family, chainLines(c.Changed, c.Gone, nil))
		})
	}
	return group.Wait()
}

func (f *Filter) writeSets(ctx context.Context, ops []ipset.Op) error {
	if len(ops) == 0 {
		return nil
	}
	if _, err := f.run(ctx, ipset.Restore(ops), "ipset", "-exist", "restore"); err != nil {
		return fmt.Errorf("write the node's IP sets: %w", err)
	}
	return nil
}

func (f *Filter) readSets(ctx context.Context) ([]ipset.Set, error) {
	out, err := f.run(ctx, "", "ipset", "save")
	if err != nil {
		return nil, fmt.Errorf("read the node's IP sets: %w", err)
	}
	return ipset.ParseSave(netpol.SetPrefix, out)
}

// nodeLock is where the writers of the node's legacy tables take turns: the file that xtables.UseLock has named.
const nodeLock = ""

// lockWait is how many seconds we wait for another holder of the xtables lock (legacy only; nft does without).
const lockWait = 60

// run runs a program in the node's network namespace.
func (f *Filter) run(ctx context.Context, input, name string, args ...string) (string, error) {
	return xtables.Run(ctx, f.node, nodeLock, input, name, args...)
}

// restore writes lines to the filter table in one transaction.
func (f *Filter) restore(ctx context.Context, family iptables.Family, lines []string) error {
	return f.restoreIn(ctx, f.node, nodeLock, family, lines)
}

func (f *Filter) restoreIn(ctx context.Context, ns *netns.Namespace, lockfile string, family iptables.Family, lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	args := []string{"--noflush", "--counters"}
	if f.backend == xtables.Legacy {
		args = append(args, "--wait", strconv.Itoa(lockWait))
	}
	input := "*filter\n" + strings.Join(lines, "\n") + "\nCOMMIT\n"
	_, err := xtables.Run(ctx, ns, lockfile, input, f.backend.Program(family, "restore"), args...)
	if err != nil {
		return fmt.Errorf("write the node's filter: %w", err)
	}
	return nil
}

// chainLines are the lines that fill the chains and remove the gone. All are declared, and so emptied, first: none is in
// the way of another. counts are those that the rules keep, by chain.
func chainLines(changed []iptables.Chain, gone []string, counts map[string][]iptables.Counter) []string {
	var lines []string
	for _, c := range changed {
		lines = append(lines, ":"+c.Name+" - [0:0]")
	}
	for _, name := range gone {
		lines = append(lines, ":"+name+" - [0:0]")
	}
	for _, c := range changed {
		for i, r := range c.Rules {
			var count iptables.Counter
			if kept := counts[c.Name]; i < len(kept) {
				count = kept[i]
			}
			lines = append(lines, fmt.Sprintf("%s -A %s %s", count, c.Name, r))
		}
	}
	for _, name := range gone {
		lines = append(lines, "-X "+name)
	}
	return lines
}

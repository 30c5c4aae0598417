package dataplane

import (
	"context"
	"slices"
	"strings"
	"sync"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/iptables"
)

// references remembers, per ruleset text, what the kernel makes of it: iptables-save prints other words than
// iptables-restore was given, but always the same for the same input.
type references struct {
	mu    sync.Mutex
	saved map[string]iptables.Saved
}

// placeholder stands in for the cgroup of this index in a reference: the root of the hierarchy, which always exists, spelled with more slashes
// for each. So pods that differ only in their cgroups share one reference.
func placeholder(index int) string { return strings.Repeat("/", index+1) }

// reference returns what iptables-save must print in a namespace that holds the desired ruleset. The first call for a
// ruleset renders it into a scratch namespace.
func (d *Dataplane) reference(ctx context.Context, desired iptables.Ruleset) (iptables.Saved, error) {
	cgroups := desired.Cgroups()
	shared := desired.EditCgroups(func(path string) string { return placeholder(slices.Index(cgroups, path)) })
	key := string(desired.Family) + "\n" + shared.Restore()

	d.references.mu.Lock()
	defer d.references.mu.Unlock()
	saved, known := d.references.saved[key]
	if !known {
		var err error
		if saved, err = d.render(ctx, shared); err != nil {
			return iptables.Saved{}, err
		}
		if d.references.saved == nil {
			d.references.saved = map[string]iptables.Saved{}
		}
		d.references.saved[key] = saved
	}
	return saved.EditCgroups(func(path string) string { return cgroups[len(path)-1] }), nil
}

func (d *Dataplane) render(ctx context.Context, set iptables.Ruleset) (iptables.Saved, error) {
	scratch, err := netns.Scratch()
	if err != nil {
		return iptables.Saved{}, err
	}
	defer scratch.Close()
	if err := d.restore(ctx, scratch, set); err != nil {
		return iptables.Saved{}, err
	}
	return d.save(ctx, scratch, set.Family)
}

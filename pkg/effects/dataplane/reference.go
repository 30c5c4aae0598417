package dataplane

import (
	"context"
	"sync"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/iptables"
)

// references remembers, per ruleset text, what the kernel makes of it: iptables-save prints other words than
// iptables-restore was given, but always the same for the same input.
type references struct {
	mu    sync.Mutex
	saved map[string]iptables.Ruleset
}

// anyCgroup stands in for the proxy's cgroup in a reference: the root of the hierarchy always exists. So pods that
// differ only in that share one reference.
const anyCgroup = "/"

// reference returns what iptables-save must print in a namespace that holds the desired ruleset. The first call for a
// ruleset renders it into a scratch namespace.
func (d *Dataplane) reference(ctx context.Context, desired iptables.Ruleset) (iptables.Ruleset, error) {
	cgroups := desired.Cgroups()
	if len(cgroups) > 1 {
		return d.render(ctx, desired) // nothing to share
	}
	shared := desired.WithCgroup(anyCgroup)
	key := string(desired.Family) + "\n" + shared.Restore()

	d.references.mu.Lock()
	defer d.references.mu.Unlock()
	saved, known := d.references.saved[key]
	if !known {
		var err error
		if saved, err = d.render(ctx, shared); err != nil {
			return iptables.Ruleset{}, err
		}
		if d.references.saved == nil {
			d.references.saved = map[string]iptables.Ruleset{}
		}
		d.references.saved[key] = saved
	}
	if len(cgroups) == 1 {
		return saved.WithCgroup(cgroups[0]), nil
	}
	return saved, nil
}

func (d *Dataplane) render(ctx context.Context, set iptables.Ruleset) (iptables.Ruleset, error) {
	scratch, err := netns.Scratch()
	if err != nil {
		return iptables.Ruleset{}, err
	}
	defer scratch.Close()
	if err := d.restore(ctx, scratch, set); err != nil {
		return iptables.Ruleset{}, err
	}
	return d.save(ctx, scratch, set.Family)
}

package dataplane

import (
	"context"
	"fmt"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// lockWait is how many seconds the legacy backend waits for another holder of its lock.
const lockWait = "10"

// lockFile is what the legacy programs lock instead of the node's /run/xtables.lock: a file that each network namespace
// has for itself, per family. A pod does not wait until kube-proxy has written the node's rules, nor one family for the
// other. Tables are replaced whole and the kernel itself refuses a replacement that was overtaken. Older
// programs do not know the variable and lock as ever.
func lockFile(f iptables.Family) string {
	if f == iptables.V6 {
		return "/proc/self/net/snmp6"
	}
	return "/proc/self/net/dev"
}

// save reads what the namespace holds.
func (d *Dataplane) save(ctx context.Context, ns *netns.Namespace, f iptables.Family) (iptables.Ruleset, error) {
	if untouched(d.backend, ns, f) {
		return iptables.Ruleset{Family: f}, nil
	}
	out, err := xtables.Run(ctx, ns, lockFile(f), "", d.backend.Program(f, "save"), "--counters")
	if err != nil {
		return iptables.Ruleset{}, err
	}
	return iptables.ParseSave(f, out)
}

func (d *Dataplane) restore(ctx context.Context, ns *netns.Namespace, set iptables.Ruleset) error {
	return d.write(ctx, ns, set, set.Restore())
}

// write has the program read a text that was made of the ruleset.
func (d *Dataplane) write(ctx context.Context, ns *netns.Namespace, set iptables.Ruleset, text string, options ...string) error {
	if err := set.Check(); err != nil {
		return err
	}
	args := append([]string{"--counters"}, options...)
	if d.backend == xtables.Legacy {
		args = append(args, "--wait", lockWait)
	}
	_, err := xtables.Run(ctx, ns, lockFile(set.Family), text, d.backend.Program(set.Family, "restore"), args...)
	if err == nil {
		return nil
	}
	if other, _ := ns.InOtherUserNamespace(); other {
		err = fmt.Errorf("%w; the pod has a user namespace of its own, in which the kernel matches no socket owners for us: it must run with hostUsers: true", err)
	}
	return err
}

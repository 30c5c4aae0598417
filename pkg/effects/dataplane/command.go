package dataplane

import (
	"context"
	"errors"
	"fmt"
	"strings"

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

// Held reads what the namespace holds of one family.
func (d *Dataplane) Held(ctx context.Context, ns *netns.Namespace, f iptables.Family) (iptables.Saved, error) {
	return d.save(ctx, ns, f)
}

// save reads what the namespace holds.
func (d *Dataplane) save(ctx context.Context, ns *netns.Namespace, f iptables.Family) (iptables.Saved, error) {
	if untouched(d.backend, ns, f) {
		return iptables.Saved{Family: f}, nil
	}
	out, err := xtables.Run(ctx, ns, lockFile(f), "", d.backend.Program(f, "save"), "--counters")
	if err != nil {
		return iptables.Saved{}, err
	}
	return iptables.ParseSave(f, out)
}

func (d *Dataplane) restore(ctx context.Context, ns *netns.Namespace, set iptables.Ruleset) error {
	return d.write(ctx, ns, set, iptables.Table.Restore)
}

// write has the program read what render makes of each table.
func (d *Dataplane) write(ctx context.Context, ns *netns.Namespace, set iptables.Ruleset, render func(iptables.Table) string, options ...string) error {
	if err := set.Check(); err != nil {
		return err
	}
	args := append([]string{"--counters"}, options...)
	if d.backend == xtables.Legacy {
		args = append(args, "--wait", lockWait)
	}
	texts := make([]string, len(set.Tables))
	for i, t := range set.Tables {
		texts[i] = render(t)
	}
	_, err := xtables.Run(ctx, ns, lockFile(set.Family), strings.Join(texts, ""), d.backend.Program(set.Family, "restore"), args...)
	if err == nil {
		return nil
	}
	err = withTable(err, set.Tables, texts)
	if other, _ := ns.InOtherUserNamespace(); other {
		err = fmt.Errorf("%w; the pod has a user namespace of its own, in which the kernel matches no socket owners for us: it must run with hostUsers: true", err)
	}
	return err
}

// withTable adds to the error of a table that the kernel refused as a whole, at its last line, which one it is, and the
// control groups that it names: one that is gone is the usual reason.
func withTable(err error, tables []iptables.Table, texts []string) error {
	var failure *xtables.ProgramError
	if !errors.As(err, &failure) {
		return err
	}
	last := 0
	for i, text := range texts {
		last += strings.Count(text, "\n")
		if failure.Line == last {
			return fmt.Errorf("%w: the kernel refused table %s as a whole; control groups that it names: %v", err, tables[i].Name, tables[i].Cgroups())
		}
	}
	return err
}

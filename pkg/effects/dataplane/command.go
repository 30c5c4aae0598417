package dataplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/iptables"
)

// programs are the two programs by which one family of one backend is written and read.
type programs struct{ restore, save string }

func (b Backend) programs(f iptables.Family) programs {
	prefix := "iptables-" + string(b)
	if f == iptables.V6 {
		prefix = "ip6tables-" + string(b)
	}
	return programs{restore: prefix + "-restore", save: prefix + "-save"}
}

// lockWait is how many seconds the legacy backend waits for another holder of its lock.
const lockWait = "10"

// lockFile is what the legacy programs lock instead of the node's /run/xtables.lock: a file that each network namespace
// has for itself, per family. A pod does not wait until kube-proxy has written the node's rules, nor one family for the
// other. Tables are replaced whole and the kernel itself refuses a replacement that was overtaken. Older
// programs do not know the variable and lock as ever.
func lockFile(f iptables.Family) string {
	if f == iptables.V6 {
		return "XTABLES_LOCKFILE=/proc/self/net/snmp6"
	}
	return "XTABLES_LOCKFILE=/proc/self/net/dev"
}

// save reads what the namespace holds.
func (d *Dataplane) save(ctx context.Context, ns *netns.Namespace, f iptables.Family) (iptables.Ruleset, error) {
	if d.backend.untouched(ns, f) {
		return iptables.Ruleset{Family: f}, nil
	}
	out, err := run(ctx, ns, f, "", d.backend.programs(f).save, "--counters")
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
	if d.backend == Legacy {
		args = append(args, "--wait", lockWait)
	}
	_, err := run(ctx, ns, set.Family, text, d.backend.programs(set.Family).restore, args...)
	if err == nil {
		return nil
	}
	if other, _ := ns.InOtherUserNamespace(); other {
		err = fmt.Errorf("%w; the pod has a user namespace of its own, in which the kernel matches no socket owners for us: it must run with hostUsers: true", err)
	}
	return err
}

// run runs a program inside the namespace and returns its standard output. The error carries the command, its stderr,
// and the line of the input that it refused.
func run(ctx context.Context, ns *netns.Namespace, f iptables.Family, input, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	err := ns.Do(func() error {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Env = append(os.Environ(), lockFile(f))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
		return cmd.Run()
	})
	if err != nil {
		return "", failure(name, err, stderr.String(), input)
	}
	return stdout.String(), nil
}

// failure says which program failed, why, and what to do about it.
func failure(name string, err error, complaint, input string) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed here: install iptables 1.8 or newer, or choose the other --iptables-backend", name)
	}
	return fmt.Errorf("%s: %w: %s", name, err, explain(complaint, input))
}

// explain joins what the program complained of into one line, with the rule that it meant and, where the kernel lacks a
// match or a target, the way out.
func explain(complaint, input string) string {
	text := strings.Join(strings.Fields(complaint), " ")
	if m := regexp.MustCompile(`line:? (\d+)`).FindStringSubmatch(complaint); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			text += refused(strings.Split(input, "\n"), n-1)
		}
	}
	if strings.Contains(complaint, "missing kernel module") || strings.Contains(complaint, "No chain/target/match by that name") {
		text += "; the node's kernel lacks that netfilter extension: load its module (xt_cgroup, xt_owner, xt_connmark, xt_conntrack, xt_multiport, xt_comment, xt_hl, xt_REDIRECT) or use another kernel"
	}
	return text
}

// refused shows the line that was refused. Where the kernel refused a table as a whole, at its COMMIT, it shows which one,
// and the control groups that it names: one that is gone is the usual reason.
func refused(lines []string, at int) string {
	if at < 0 || at >= len(lines) {
		return ""
	}
	if lines[at] != "COMMIT" {
		return fmt.Sprintf(" (line %d is %q)", at+1, lines[at])
	}
	table, paths := "", []string{}
	for _, line := range lines[:at] {
		if strings.HasPrefix(line, "*") {
			table, paths = line[1:], nil
		}
		if _, after, ok := strings.Cut(line, "--path "); ok {
			if path := strings.Fields(after)[0]; !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return fmt.Sprintf(" (the kernel refused table %s as a whole; control groups that it names: %v)", table, paths)
}

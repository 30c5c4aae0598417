package xtables

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
)

// Run runs a program in the network namespace, writes the input to its standard input and returns its standard output. Legacy
// programs take the lock at lockfile; "" is the programs' own default. The error names the program and contains its standard
// error and the line of the input that the program refused.
func Run(ctx context.Context, ns *netns.Namespace, lockfile, input, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	err := ns.Do(func() error {
		cmd := exec.CommandContext(ctx, name, args...)
		if lockfile != "" {
			cmd.Env = append(os.Environ(), "XTABLES_LOCKFILE="+lockfile)
		}
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
		return fmt.Errorf("%s is not installed here: install iptables 1.8 and ipset 7 or newer, or choose the other --iptables-backend", name)
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

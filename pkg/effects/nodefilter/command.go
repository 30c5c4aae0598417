package nodefilter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/effects/netns"
)

func (f *Filter) run(ctx context.Context, input, name string, args ...string) (string, error) {
	return runIn(ctx, f.node, f.Lockfile, input, name, args...)
}

// runIn runs a program inside the namespace and returns its standard output. The error carries the command, its stderr
// and the line of the input that it refused.
func runIn(ctx context.Context, ns *netns.Namespace, lockfile, input, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	err := ns.Do(func() error {
		cmd := exec.CommandContext(ctx, name, args...)
		if lockfile != "" {
			cmd.Env = append(os.Environ(), "XTABLES_LOCKFILE="+lockfile)
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
		return cmd.Run()
	})
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%s is not installed here: install iptables 1.8 and ipset 7 or newer", name)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, explain(stderr.String(), input))
	}
	return stdout.String(), nil
}

var refusedLine = regexp.MustCompile(`line:? (\d+)`)

// explain joins what the program complained of into one line, with the input line that it meant.
func explain(complaint, input string) string {
	text := strings.Join(strings.Fields(complaint), " ")
	if m := refusedLine.FindStringSubmatch(complaint); m != nil {
		lines := strings.Split(input, "\n")
		if n, err := strconv.Atoi(m[1]); err == nil && n >= 1 && n <= len(lines) {
			text += fmt.Sprintf(" (line %d is %q)", n, lines[n-1])
		}
	}
	return text
}

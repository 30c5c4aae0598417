package xtables

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

// lockVariable is the environment variable by which the legacy programs know their lock file.
const lockVariable = "XTABLES_LOCKFILE"

// Run runs a program in the network namespace, writes the input to its standard input and returns its standard output. Legacy
// programs take the lock at lockfile; "" is the one that this process's environment names, or the programs' own default. The error names the program and contains its standard
// error and the line of the input that the program refused.
func Run(ctx context.Context, ns *netns.Namespace, lockfile, input, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	err := ns.Do(func() error {
		cmd := exec.CommandContext(ctx, name, args...)
		if lockfile != "" {
			cmd.Env = append(os.Environ(), lockVariable+"="+lockfile)
		}
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
		return cmd.Run()
	})
	if err != nil {
		return "", failure(name, err, stderr.String(), input)
	}
	return stdout.String(), nil
}

// ProgramError is what a program complained of.
type ProgramError struct {
	Program   string // its name, as it was searched in PATH
	Err       error  // how the program ended
	Complaint string // its standard error, in one line
	Line      int    // of its input that it refused, counted from 1; 0: it named none
	Refused   string // that line
}

// Error names the program, its complaint, the line that it refused and, where the kernel lacks a match or a target, the remedy.
func (f *ProgramError) Error() string {
	text := fmt.Sprintf("%s: %v: %s", f.Program, f.Err, f.Complaint)
	if f.Refused != "" {
		text += fmt.Sprintf(" (line %d is %q)", f.Line, f.Refused)
	}
	if strings.Contains(f.Complaint, "missing kernel module") || strings.Contains(f.Complaint, "No chain/target/match by that name") {
		text += "; the node's kernel lacks that netfilter extension: load its module (xt_cgroup, xt_owner, xt_connmark, xt_conntrack, xt_multiport, xt_comment, xt_hl, xt_REDIRECT) or use another kernel"
	}
	return text
}

// Unwrap returns how the program ended.
func (f *ProgramError) Unwrap() error { return f.Err }

// failure is the error of a program that ended with err and wrote the complaint.
func failure(name string, err error, complaint, input string) error {
	if errors.Is(err, exec.ErrNotFound) {
		return notInstalled(name)
	}
	f := &ProgramError{Program: name, Err: err, Complaint: strings.Join(strings.Fields(complaint), " ")}
	if m := regexp.MustCompile(`line:? (\d+)`).FindStringSubmatch(complaint); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
	}
	if lines := strings.Split(input, "\n"); f.Line > 0 && f.Line <= len(lines) {
		f.Refused = lines[f.Line-1]
	}
	return f
}

func notInstalled(program string) error {
	return fmt.Errorf("%s is not installed here: install iptables 1.8 and ipset 7 or newer, or choose the other --iptables-backend", program)
}

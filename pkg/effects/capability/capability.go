// Package capability asks the kernel what this process may do (capabilities(7)).
package capability

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// needed is what entering a pod's network namespace and writing rules there takes, and what for.
func needed() []struct {
	bit  uint
	name string
	why  string
} {
	return []struct {
		bit  uint
		name string
		why  string
	}{
		{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "to enter the network namespaces of pods"},
		{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN", "to write iptables rules there"},
		{unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "to find them and the control groups under /proc"},
	}
}

// Check returns nil if this process has every capability that the agent uses; the error names each one that it lacks.
func Check() error {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("which capabilities this process has: %w", err)
	}
	effective, err := parse(string(text))
	if err != nil {
		return err
	}
	return missing(effective)
}

func missing(effective uint64) error {
	var lacks []string
	for _, n := range needed() {
		if effective&(1<<n.bit) == 0 {
			lacks = append(lacks, n.name+" ("+n.why+")")
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return fmt.Errorf("this process lacks %s: run the agent as root, in a pod with securityContext.privileged: true",
		strings.Join(lacks, ", "))
}

// parse reads the line CapEff of /proc/PID/status (proc_pid_status(5)).
func parse(status string) (uint64, error) {
	for line := range strings.Lines(status) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			return strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
		}
	}
	return 0, errors.New("which capabilities this process has: /proc/self/status has no line CapEff")
}

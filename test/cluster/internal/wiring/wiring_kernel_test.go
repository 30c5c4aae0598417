//go:build kernel

package wiring

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/cluster/internal/machine"
	"data-space.liqo.io/test/cluster/internal/plan"
)

// TestMain lets a test start this binary again as a machine's first process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == machine.Verb {
		machine.Main(os.Args[2:], os.Stdin, os.Stdout)
		return
	}
	m.Run()
}

func boots(t *testing.T, name string) int {
	t.Helper()
	lock := filepath.Join(t.TempDir(), "lock")
	m, err := machine.Create(name, lock)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, machine.Stop(t.Context(), lock)) })
	require.NoError(t, m.Boot(machine.Spec{Name: name, LogDir: t.TempDir(), Sysctls: map[string]string{
		"net.ipv6.conf.all.disable_ipv6": "0", "net.ipv6.conf.default.accept_dad": "0",
	}}))
	return m.Pid
}

// answers tells what `ip route get` says in the network of pid.
func answers(t *testing.T, pid int, args ...string) string {
	t.Helper()
	var out strings.Builder
	cmd := exec.Command("ip", args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = machine.Run(pid, machine.Network, cmd) // the text says what went wrong
	return out.String()
}

func TestMachinesReachEachOtherAndNothingElse(t *testing.T) {
	lab := plan.TwoNodes("wire")
	hub := boots(t, lab.Switch)
	require.NoError(t, Switch(hub))
	pids := map[string]int{}
	for _, m := range lab.Machines() {
		pids[m.Name] = boots(t, m.Name)
		require.NoError(t, Join(lab, m, hub, pids[m.Name]))
	}
	one, two := lab.Nodes[0], lab.Nodes[1]

	for _, to := range []netip.Addr{two.IPv4.Addr(), two.IPv6.Addr()} {
		require.NoError(t, dials(pids[one.Name], pids[two.Name], to), "%s", to)
	}
	require.Contains(t, answers(t, pids[one.Name], "route", "get", "203.0.113.200"), "via 198.51.100.12 dev eth0")
	require.Contains(t, answers(t, pids[one.Name], "-6", "route", "get", "2001:db8:1:2::9"), "via 2001:db8::12 dev eth0")
	require.Contains(t, answers(t, pids[one.Name], "route", "get", "192.0.2.1"), "dev eth0")
	require.Contains(t, answers(t, pids[one.Name], "route", "get", "10.0.0.1"), "unreachable")
	require.Contains(t, answers(t, pids[one.Name], "-6", "route", "get", "fd00::1"), "unreachable")
}

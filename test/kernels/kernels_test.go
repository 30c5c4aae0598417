//go:build kernels

package kernels

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kernels/node"
	"data-space.liqo.io/test/kernels/vm"
)

// TestNothingLeaksOnStockKernels boots each stock kernel, attacks a pod there in every setting, and compares: what
// works from the pod that nothing guards must get nothing out of the guarded one.
func TestNothingLeaksOnStockKernels(t *testing.T) {
	kernels, err := filepath.Glob(filepath.Join(os.Getenv("KERNELS"), "*", "version"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(kernels), 2, "KERNELS names no directory of stock kernels: eval \"$(lab kernels)\" sets it")
	programs := buildPrograms(t)
	tables, names := map[string]*table{}, []string{}
	var mu sync.Mutex
	t.Logf("on the processor (KVM): %v", vm.Accelerated())
	t.Run("boot", func(t *testing.T) {
		for _, file := range kernels {
			version, err := os.ReadFile(file)
			require.NoError(t, err)
			t.Run(string(version), func(t *testing.T) {
				t.Parallel()
				var results []node.Result
				for _, p := range parts() {
					t.Run(p.backend+"-"+p.user, func(t *testing.T) {
						results = append(results, attack(t, filepath.Dir(file), programs, p)...)
					})
				}
				if len(results) == 0 {
					return // -run names parts of another kernel
				}
				mu.Lock()
				defer mu.Unlock()
				names = append(names, string(version))
				tables[string(version)] = newTable(results)
			})
		}
	})
	slices.Sort(names)
	require.NotEmpty(t, names)
	text := report(names, tables)
	t.Log("\n" + text)
	for _, name := range names {
		check(t, name, tables[name])
	}
	if *update {
		require.NoError(t, os.WriteFile("RESULTS.md", []byte(heading(names)+text), 0o644))
	}
}

var update = flag.Bool("update", false, "write RESULTS.md")

// heading says where the table comes from.
func heading(names []string) string {
	form, machine := "short form: iptables-nft, IPv4, root", "emulated (TCG)"
	if os.Getenv("LONG") != "" {
		form = "long form: iptables-nft and iptables-legacy, IPv4 and IPv6, root and uid 1000"
	}
	if vm.Accelerated() {
		machine = "on the processor (KVM)"
	}
	return fmt.Sprintf(`# What came out of a pod on stock kernels

Written by the stage of [README.md](README.md) with `+"`-update`"+`; do not edit. %s; %s; %s; %s.

The columns are the kernels and the settings. "out" and "LEAK" are what came out of the pod behind the node's end of its link, or in another pod.
"refused" means that no socket opened; the test requires that with the profile of every family but those of IP, UNIX and NETLINK, and "nothing" wherever
more than the rules guards. The connection attempts that RDS repeats from the unguarded pod (TCP to 16385) are shown for RDS alone.

`, time.Now().Format(time.DateOnly), strings.Join(names, ", "), form, machine)
}

// works are probes that must get something out of an unguarded pod on every kernel of the test: a probe that does nothing shows nothing.
func works() []string {
	return []string{"beside IP: PPPoE: a session frame to the neighbour", "beside IP: PPPoE: 1,400 bytes in a frame"}
}

func check(t *testing.T, name string, got *table) {
	t.Helper()
	for _, p := range works() {
		require.True(t, got.sent(p, node.Unguarded), "%s: %q must work from an unguarded pod: %+v", name, p, got.cells[p][node.Unguarded])
		require.True(t, got.sent(p, node.RulesOnly), "%s: %q passes rules of IP alone, or the other settings prove nothing", name, p)
	}
	for _, leak := range got.leaks(node.RulesOnly) {
		t.Logf("%s: rules only: %s", name, leak)
	}
	require.Empty(t, got.packets(node.RulesOnly), "%s: rules only: packets of IP", name)
	for _, s := range got.settings {
		if s != node.Unguarded && s != node.RulesOnly {
			require.Empty(t, got.leaks(s), "%s: %s", name, s)
		}
		if s == node.RulesAndProfile || s == node.Everything {
			require.Empty(t, got.opened(s), "%s: %s: sockets that the profile must refuse", name, s)
		}
	}
}

// part is what one boot tries. A boot for all of the long form takes hours in emulation, and one that fails takes the rest with it.
type part struct{ backend, user string }

func parts() []part {
	all := []part{{"nft", "0"}}
	if os.Getenv("LONG") != "" {
		all = append(all, part{"nft", "1000"}, part{"legacy", "0"}, part{"legacy", "1000"})
	}
	return all
}

// attack boots a kernel and returns what the node noted.
func attack(t *testing.T, kernel, programs string, p part) []node.Result {
	t.Helper()
	limit := 15 * time.Minute
	if os.Getenv("LONG") != "" {
		limit = 45 * time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, os.ErrDeadlineExceeded)
	defer cancel()
	console := &bytes.Buffer{}
	shared := t.TempDir()
	machine := vm.Machine{
		Kernel: kernel, Init: filepath.Join(programs, "vminit"), Shared: shared, Log: io.MultiWriter(console, logFile(t, p.log(kernel, "console"))),
		Job: vm.Job{
			Command: []string{filepath.Join(programs, "node.test"), "-test.v", "-test.parallel=16", "-test.timeout=" + limit.String()},
			Env: []string{
				"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "BIN=" + os.Getenv("KUBEBUILDER_ASSETS"),
				"ATTACKER=" + filepath.Join(programs, "attacker"), "LONG=" + os.Getenv("LONG"),
				"BACKEND=" + p.backend, "TENANT=" + p.user,
			},
		},
	}
	started := time.Now()
	err := machine.Run(ctx)
	require.NoError(t, err, "the console:\n%s", console)
	for line := range strings.Lines(console.String()) {
		if strings.Contains(line, "attempts in") || strings.Contains(line, " s\n") {
			t.Log(strings.TrimSpace(line))
		}
	}
	text, err := os.ReadFile(filepath.Join(shared, node.ResultsFile))
	require.NoError(t, err)
	_, err = logFile(t, p.log(kernel, "json")).Write(text)
	require.NoError(t, err)
	results, err := node.ReadResults(bytes.NewReader(text))
	require.NoError(t, err)
	require.Empty(t, newTable(results).uneven(), "probes that some pod or family has not tried as often as the others")
	t.Logf("%s, iptables-%s, user %s: %.0f s from power on to power off; %s", filepath.Base(kernel), p.backend, p.user, time.Since(started).Seconds(), tally(results))
	return results
}

func (p part) log(kernel, kind string) string {
	return fmt.Sprintf("%s-%s-%s.%s", filepath.Base(kernel), p.backend, p.user, kind)
}

// logFile keeps a file in the directory that LOGS names, or nowhere.
func logFile(t *testing.T, name string) io.Writer {
	t.Helper()
	dir := os.Getenv("LOGS")
	if dir == "" {
		return io.Discard
	}
	f, err := os.Create(filepath.Join(dir, name))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// buildPrograms builds what runs in the virtual machines.
func buildPrograms(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	compile(t, [][]string{
		{"build", "-o", filepath.Join(dir, "vminit"), "./vminit"},
		{"build", "-o", filepath.Join(dir, "attacker"), "../leak/attacker"},
		{"test", "-c", "-tags", "vm", "-o", filepath.Join(dir, "node.test"), "./node"},
	})
	return dir
}

// compile runs go with each list of arguments, for programs that need no library of the machine.
func compile(t *testing.T, all [][]string) {
	t.Helper()
	for _, args := range all {
		build := exec.Command("go", args...)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

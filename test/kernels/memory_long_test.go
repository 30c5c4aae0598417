//go:build kernels && long

package kernels

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kernels/vm"
)

// TestTheProxyLivesOnCgroup2 boots stock kernels, where cgroup v2 counts the buffers of sockets, and has package envoy attack a proxy there. The
// build tag keeps it out of the short form: in emulation a busy machine takes minutes to fill the memory.
func TestTheProxyLivesOnCgroup2(t *testing.T) {
	kernels, err := filepath.Glob(filepath.Join(os.Getenv("KERNELS"), "*", "version"))
	require.NoError(t, err)
	require.NotEmpty(t, kernels, "KERNELS names no directory of stock kernels: eval \"$(lab kernels)\" sets it")
	programs := t.TempDir()
	compile(t, [][]string{
		{"build", "-o", filepath.Join(programs, "vminit"), "./vminit"},
		{"test", "-c", "-tags", "kernel vm", "-o", filepath.Join(programs, "envoy.test"), "../envoy"},
	})
	for _, file := range kernels {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			const limit = 20 * time.Minute
			ctx, cancel := context.WithTimeoutCause(t.Context(), limit, os.ErrDeadlineExceeded)
			defer cancel()
			console := &bytes.Buffer{}
			machine := vm.Machine{
				Kernel: filepath.Dir(file), Init: filepath.Join(programs, "vminit"), Shared: t.TempDir(),
				Log: io.MultiWriter(console, logFile(t, filepath.Base(filepath.Dir(file))+"-memory.console")),
				Job: vm.Job{
					Command: []string{filepath.Join(programs, "envoy.test"), "-test.v", "-test.run=^TestTheProxyLivesWhateverItsSocketsHold$", "-test.timeout=" + limit.String()},
					Env:     []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TMPDIR=/tmp", "ENVOY=" + os.Getenv("ENVOY")},
				},
			}
			started := time.Now()
			require.NoError(t, machine.Run(ctx), "the console:\n%s", console)
			for line := range strings.Lines(console.String()) {
				if strings.Contains(line, "sum_vm_test.go") || strings.Contains(line, "--- PASS") {
					t.Log(strings.TrimSpace(line))
				}
			}
			t.Logf("%.0f s from power on to power off", time.Since(started).Seconds())
		})
	}
}

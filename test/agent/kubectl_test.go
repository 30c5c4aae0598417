//go:build api

package agent_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
)

// plugin is "kubectl dataspace" on the agent's node, without a kubeconfig.
type plugin struct {
	t               *testing.T
	program, socket string
}

func newPlugin(t *testing.T, socket string) plugin {
	t.Helper()
	program := filepath.Join(t.TempDir(), "kubectl-dataspace")
	require.NoError(t, apiserver.Build(t.Context(), "kubectl-dataspace", program))
	return plugin{t: t, program: program, socket: socket}
}

func (k plugin) command(args ...string) *exec.Cmd {
	command := exec.CommandContext(k.t.Context(), k.program, append(args, "--agent-socket="+k.socket)...)
	command.Env = []string{"HOME=" + k.t.TempDir()}
	return command
}

// prints runs a command that may find a problem, and returns what it prints.
func (k plugin) prints(args ...string) string {
	k.t.Helper()
	command := k.command(args...)
	out, err := command.Output()
	if code := command.ProcessState.ExitCode(); code != 0 && code != 3 {
		require.NoError(k.t, err, "%s: %s", args, out)
	}
	return string(out)
}

// asksBySocket requires that each command of "kubectl dataspace" that reads rules, states or facts has an answer of the one at the socket about the pod pharma/job.
func (k plugin) asksBySocket() {
	k.t.Helper()
	require.Contains(k.t, k.prints("audit"), "pharma/job")
	require.Contains(k.t, k.prints("verify", "--keep="+k.t.TempDir()), "intact")
	require.Contains(k.t, k.prints("explain", "pharma/job"), "pod pharma/job of guest pharma-1: Enforced")
	require.Contains(k.t, k.prints("explain", "pharma/job", "--at=0s"), "an agent ran")
	require.Contains(k.t, k.prints("watch", "-o", "compact"), "pharma/job")
	require.Contains(k.t, k.prints("report"), "pharma/job")
	require.Contains(k.t, k.prints("doctor"), "without a kubeconfig")
}

// showsDestination has the pod pharma/job send a datagram to the node, and waits until "kubectl dataspace watch" has shown where it was to go.
func (k plugin) showsDestination(send func(within time.Duration) (arrives bool)) {
	k.t.Helper()
	require.False(k.t, send(10*time.Millisecond))
	for end, shown := time.Now().Add(time.Minute), ""; !strings.Contains(shown, "packets to 203.0.113.1:"); time.Sleep(100 * time.Millisecond) {
		require.True(k.t, time.Now().Before(end), shown)
		shown = k.prints("watch", "--pod=pharma/job", "--type="+happening.Drop, "--since=1h", "-o", "json")
	}
}

// follows runs do, and waits until "kubectl dataspace watch --follow" has shown a change of the pod's state.
func (k plugin) follows(do func()) {
	k.t.Helper()
	out := &kit.Output{}
	command := k.command("watch", "--follow", "--pod=pharma/job", "--type="+happening.State, "--since=1h", "-o", "json")
	command.Stdout, command.Stderr = out, out
	require.NoError(k.t, command.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = command.Wait() }() // it is killed
	defer func() { _ = command.Process.Kill(); <-ended }()
	shown := func(since time.Time) func() bool {
		return func() bool {
			for line := range strings.Lines(out.String()) {
				var e happening.Event
				if json.Unmarshal([]byte(line), &e) == nil && e.Kind == string(fact.PodStateChanged) && e.Pod == "job" && e.Time.After(since) {
					return true
				}
			}
			return false
		}
	}
	require.Eventually(k.t, shown(time.Time{}), time.Minute, 50*time.Millisecond, "%s", out)
	began := time.Now()
	do()
	require.Eventually(k.t, shown(began), time.Minute, 50*time.Millisecond, "%s", out)
}

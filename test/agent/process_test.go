//go:build api || bench

package agent_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/test/kit"
)

// program is the agent as it is installed.
type program struct {
	t       *testing.T
	c       *cluster
	command *exec.Cmd
	output  *kit.Output
	socket  string
	metrics string
	health  string
}

// startProgram runs the agent; state is the folder that outlives it.
func startProgram(t *testing.T, c *cluster, n *node, kubeconfig, state string, args ...string) *program {
	t.Helper()
	p := &program{t: t, c: c, output: &kit.Output{}, socket: filepath.Join(state, "agent.sock"), metrics: kit.FreeAddress(t).String(), health: kit.FreeAddress(t).String()}
	p.command = exec.Command(c.binary, append([]string{
		"--kubeconfig=" + kubeconfig, "--node-name=" + nodeName, "--cri-socket=" + n.socket, "--iptables-backend=nft", "--kubelet-dir=off",
		"--status-socket=" + p.socket, "--state-dir=" + filepath.Join(state, "guarded"),
		"--facts-dir=" + filepath.Join(state, "facts"), "--metrics-bind-address=" + p.metrics, "--health-bind-address=" + p.health,
	}, args...)...)
	p.command.Env = append(os.Environ(), "GOMEMLIMIT=44MiB")
	p.command.Stderr = p.output
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Log(p.output.End())
		}
	})
	return p
}

// stop ends it as the kubelet does, and expects that it ends well and soon.
func (p *program) stop() {
	p.t.Helper()
	if p.command.ProcessState != nil {
		return
	}
	require.NoError(p.t, p.command.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- p.command.Wait() }()
	select {
	case err := <-ended:
		require.NoError(p.t, err, p.output.End())
	case <-time.After(time.Minute):
		_ = p.command.Process.Kill()
		<-ended
		require.Fail(p.t, "the agent does not stop", p.output.End())
	}
}

// status is what "agent status" prints.
func (p *program) status(flags ...string) string {
	p.t.Helper()
	out, err := exec.Command(p.c.binary, append([]string{"status", "--status-socket=" + p.socket}, flags...)...).CombinedOutput()
	require.NoError(p.t, err, string(out))
	return string(out)
}

// get returns the body, or what went wrong.
func get(address, path string) string {
	answer, err := http.Get("http://" + address + path)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return answer.Status + "\n" + string(body)
}

func (p *program) ready() {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return strings.HasPrefix(get(p.health, "/readyz"), "200") }, time.Minute, 20*time.Millisecond,
		"%s", p.output)
}

// logs waits until the program's output has the text: what a program does may be seen before what it has printed.
func (p *program) logs(text string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return strings.Contains(p.output.String(), text) }, time.Minute, 20*time.Millisecond, "%s: %s", text, p.output)
}

// reaches waits until the pod is in that state with that proxy.
func (p *program) reaches(name string, state agentapi.State, proxy string) agentapi.EndpointStatus {
	p.t.Helper()
	var last agentapi.EndpointStatus
	require.Eventually(p.t, func() bool {
		var s agentapi.NodeStatus
		out, err := exec.Command(p.c.binary, "status", "--status-socket="+p.socket, "-o", "json").Output()
		if err != nil || json.Unmarshal(out, &s) != nil {
			return false
		}
		for _, e := range s.Endpoints {
			if e.Name == name {
				last = e
				return e.State == state && (proxy == "" || e.Proxy != nil && e.Proxy.Container == proxy)
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond, "%s: last seen %+v", name, &last)
	return last
}

//go:build api

package agent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/values/apis"
)

// program is the agent as it is installed.
type program struct {
	t       *testing.T
	c       *cluster
	command *exec.Cmd
	output  *buffer
	socket  string
	metrics string
	health  string
}

// buffer is safe for concurrent use.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// startProgram runs the agent; state is the folder that outlives it.
func startProgram(t *testing.T, c *cluster, n *node, kubeconfig, state string, args ...string) *program {
	t.Helper()
	p := &program{t: t, c: c, output: &buffer{}, socket: filepath.Join(state, "agent.sock"), metrics: freePort(t), health: freePort(t)}
	p.command = exec.Command(c.binary, append([]string{
		"--kubeconfig=" + kubeconfig, "--node-name=" + nodeName, "--cri-socket=" + n.socket, "--iptables-backend=nft",
		"--status-socket=" + p.socket, "--state-dir=" + filepath.Join(state, "guarded"),
		"--metrics-bind-address=" + p.metrics, "--health-bind-address=" + p.health,
	}, args...)...)
	p.command.Env = append(os.Environ(), "GOMEMLIMIT=44MiB")
	p.command.Stderr = p.output
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Log(p.output.String())
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
		require.NoError(p.t, err, p.output.String())
	case <-time.After(20 * time.Second):
		_ = p.command.Process.Kill()
		<-ended
		require.Fail(p.t, "the agent does not stop", p.output.String())
	}
}

// status is what "agent status" prints.
func (p *program) status() string {
	p.t.Helper()
	out, err := exec.Command(p.c.binary, "status", "--status-socket="+p.socket).CombinedOutput()
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
	require.Eventually(p.t, func() bool { return strings.HasPrefix(get(p.health, "/readyz"), "200") }, 20*time.Second, 20*time.Millisecond,
		"%s", p.output)
}

// reaches waits until the pod is in that state with that proxy.
func (p *program) reaches(name string, state agent.State, proxy string) agent.EndpointStatus {
	p.t.Helper()
	var last agent.EndpointStatus
	require.Eventually(p.t, func() bool {
		var s agent.NodeStatus
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
	}, 15*time.Second, 20*time.Millisecond, "%s: last seen %+v", name, &last)
	return last
}

func TestTheProgramAsItIsInstalled(t *testing.T) {
	c := newCluster(t)
	n := newNode(t)
	c.namespace("pharma", map[string]string{apis.LabelRemoteCluster: "pharma-1"})
	c.namespace("liqo-tenant", map[string]string{apis.LabelRemoteCluster: "pharma-1", apis.LabelTenantNamespace: "true"})
	api, server := newLine(t, c.config.Host)
	kubeconfig := c.kubeconfig(server, apis.SystemNamespace, account)
	state := t.TempDir()

	job := c.pod("pharma", "job")
	config := n.sandboxConfig("pharma", "job")
	config.Metadata.Uid = string(job.UID)
	box := n.runPod(config)
	proxy := n.create(config, box, apis.ProxyContainerName, 0)

	p := startProgram(t, c, n, kubeconfig, state)
	p.ready()
	p.reaches("job", agent.Closed, "")

	t.Run("a proxy that does not start is reported on the pod, once it had time", func(t *testing.T) {
		job.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: apis.ProxyContainerName, State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"},
		}}}
		_, err := c.CoreV1().Pods("pharma").UpdateStatus(t.Context(), job, metav1.UpdateOptions{})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(c.events(t.Context(), job, agent.EventProxyNotRunning)) == 1 }, 20*time.Second, 100*time.Millisecond)
		message := c.events(t.Context(), job, agent.EventProxyNotRunning)[0]
		for _, part := range []string{apis.ProxyContainerName, "ImagePullBackOff", "no such image", "Check the proxy image"} {
			require.Contains(t, message, part)
		}
	})

	n.run(proxy)
	p.reaches("job", agent.Enforced, proxy)
	require.Eventually(t, func() bool { return len(c.events(t.Context(), job, agent.EventEnforced)) == 1 }, 5*time.Second, 50*time.Millisecond)
	require.Contains(t, c.events(t.Context(), job, agent.EventEnforced)[0], "ipv4 filter")
	table := p.status()
	for _, part := range []string{"pharma/job", "Enforced", "nft", "ipv4 filter", "ipv6 filter", n.parent + "/" + proxy} {
		require.Contains(t, table, part)
	}
	text := get(p.metrics, "/metrics")
	for _, part := range []string{`data_space_agent_endpoints{state="Enforced"} 1`, "data_space_agent_writes_total 2", "data_space_agent_api_up 1"} {
		require.Contains(t, text, part)
	}

	t.Run("a liqo tenant namespace is not guarded", func(t *testing.T) {
		own := c.pod("liqo-tenant", "gateway")
		config := n.sandboxConfig("liqo-tenant", "gateway")
		config.Metadata.Uid = string(own.UID)
		n.runPod(config)
		time.Sleep(500 * time.Millisecond)
		require.NotContains(t, p.status(), "gateway")
	})

	t.Run("a second agent does not take the first one's place", func(t *testing.T) {
		out := c.fails(n, kubeconfig, state, "--metrics-bind-address=0", "--health-bind-address=0")
		require.Contains(t, out, "another agent answers there")
	})

	t.Run("without the API server, a proxy's restart is followed by the agent and by its successor", func(t *testing.T) {
		api.cut()
		n.kill(proxy)
		p.reaches("job", agent.Closed, "")
		second := n.create(config, box, apis.ProxyContainerName, 1)
		n.run(second)
		p.reaches("job", agent.Enforced, second)
		p.stop()

		p = startProgram(t, c, n, kubeconfig, state)
		p.reaches("job", agent.Enforced, second)
		require.Contains(t, p.output.String(), "cannot be reached")
		require.Contains(t, get(p.health, "/readyz"), "not every foreign pod")
		n.kill(second)
		third := n.create(config, box, apis.ProxyContainerName, 2)
		n.run(third)
		p.reaches("job", agent.Enforced, third)

		api.join()
		p.ready()
		p.reaches("job", agent.Enforced, third)
		p.stop()
	})
}

func TestWhatIsWrongIsSaidOnce(t *testing.T) {
	c := newCluster(t)
	n := newNode(t)
	c.namespace("outsiders", nil)
	good := c.kubeconfig(c.config.Host, apis.SystemNamespace, account)
	for name, test := range map[string]struct {
		kubeconfig string
		args       []string
		want       []string
	}{
		"a socket where nothing is": {good, []string{"--cri-socket=/nowhere.sock"}, []string{"/nowhere.sock", "--cri-socket", "no such file"}},
		"a kubeconfig that is none": {"/nowhere", nil, []string{"--kubeconfig=/nowhere", "no such file"}},
		"a user without rights":     {c.kubeconfig(c.config.Host, "outsiders", "default"), nil, []string{"refuse", "forbidden", "ClusterRole data-space-agent"}},
		"an API server that is not there": {
			c.kubeconfig("https://127.0.0.1:1", apis.SystemNamespace, account), nil, []string{"127.0.0.1:1", "cannot be reached", "refused"},
		},
		"an address in use": {good, []string{"--health-bind-address=" + hostPort(c.config.Host)}, []string{"--health-bind-address", "in use"}},
	} {
		t.Run(name, func(t *testing.T) {
			out := c.fails(n, test.kubeconfig, t.TempDir(), append([]string{"--metrics-bind-address=0", "--health-bind-address=0"}, test.args...)...)
			for _, part := range test.want {
				require.Contains(t, out, part)
			}
		})
	}
}

// fails runs an agent that is expected to end by itself with status 1, and returns the last thing it said.
func (c *cluster) fails(n *node, kubeconfig, state string, args ...string) string {
	c.t.Helper()
	var out bytes.Buffer
	command := exec.Command(c.binary, append([]string{
		"--kubeconfig=" + kubeconfig, "--node-name=" + nodeName, "--cri-socket=" + n.socket, "--iptables-backend=nft",
		"--status-socket=" + filepath.Join(state, "agent.sock"), "--state-dir=" + filepath.Join(state, "guarded"),
	}, args...)...)
	command.Stderr = &out
	stuck := time.AfterFunc(30*time.Second, func() { _ = command.Process.Kill() })
	defer stuck.Stop()
	err := command.Run()
	require.Error(c.t, err, out.String())
	require.Equal(c.t, 1, command.ProcessState.ExitCode(), out.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	said := 0
	for i, l := range lines {
		if strings.HasPrefix(l, "agent: ") {
			said = i
		}
	}
	return fmt.Sprint(strings.Join(lines[said:], "\n"))
}

//go:build api

package agent_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

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

	p := startProgram(t, c, n, kubeconfig, state, "--drop-destinations")
	p.ready()
	p.reaches("job", agentapi.Closed, "")

	t.Run("a proxy that does not start is reported on the pod, once it had time", func(t *testing.T) {
		job.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: apis.ProxyContainerName, State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"},
		}}}
		_, err := c.CoreV1().Pods("pharma").UpdateStatus(t.Context(), job, metav1.UpdateOptions{})
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(c.events(t.Context(), job, agent.EventProxyNotRunning)) == 1 }, time.Minute, 100*time.Millisecond)
		message := c.events(t.Context(), job, agent.EventProxyNotRunning)[0]
		for _, part := range []string{apis.ProxyContainerName, "ImagePullBackOff", "no such image", "Check the proxy image"} {
			require.Contains(t, message, part)
		}
	})

	n.run(proxy)
	p.reaches("job", agentapi.Enforced, proxy)
	require.Eventually(t, func() bool { return len(c.events(t.Context(), job, agent.EventEnforced)) == 1 }, 30*time.Second, 50*time.Millisecond)
	require.Contains(t, c.events(t.Context(), job, agent.EventEnforced)[0], "ipv4 filter")
	table := p.status("-o", "wide")
	for _, part := range []string{"pharma/job", "Enforced", "nft", "ipv4 filter", "ipv6 filter", n.parent + "/" + proxy} {
		require.Contains(t, table, part)
	}
	text := get(p.metrics, "/metrics")
	for _, part := range []string{`data_space_agent_endpoints{state="Enforced"} 1`, "data_space_agent_writes_total 2", "data_space_agent_api_up 1"} {
		require.Contains(t, text, part)
	}

	t.Run("kubectl dataspace asks this agent by its socket, without a kubeconfig", func(t *testing.T) {
		k := newPlugin(t, p.socket)
		k.asksBySocket()
		k.showsDestination(n.datagrams(t, box))
		k.follows(func() {
			n.kill(proxy)
			p.reaches("job", agentapi.Closed, "")
		})
		proxy = n.create(config, box, apis.ProxyContainerName, 1)
		n.run(proxy)
		p.reaches("job", agentapi.Enforced, proxy)
	})

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
		api.Cut()
		n.kill(proxy)
		p.reaches("job", agentapi.Closed, "")
		second := n.create(config, box, apis.ProxyContainerName, 2)
		n.run(second)
		p.reaches("job", agentapi.Enforced, second)
		p.stop()

		p = startProgram(t, c, n, kubeconfig, state)
		p.reaches("job", agentapi.Enforced, second)
		p.logs("cannot be reached")
		require.Contains(t, get(p.health, "/readyz"), "not every foreign pod")
		n.kill(second)
		third := n.create(config, box, apis.ProxyContainerName, 3)
		n.run(third)
		p.reaches("job", agentapi.Enforced, third)

		require.NoError(t, api.Join())
		p.ready()
		p.reaches("job", agentapi.Enforced, third)
		p.stop()
	})

	t.Run("the log of facts has both agents' lives and the pod's, and is intact", func(t *testing.T) {
		folder := filepath.Join(state, "facts")
		v, err := facts.Verify(folder, nil, nil, "")
		require.NoError(t, err)
		require.Empty(t, v.Flaws)
		require.Equal(t, v.Read, v.Covered, "all is signed when the agent has ended")
		kinds, states := map[fact.Kind]int{}, map[string]bool{}
		require.NoError(t, factlog.Folder(folder).Lines(0, func(_ int64, line []byte) error {
			f, err := fact.Decode(line)
			kinds[f.Kind]++
			if f.Kind == fact.PodStateChanged && f.Subject == (fact.Subject{Guest: "pharma-1", Namespace: "pharma", Pod: "job", UID: string(job.UID)}) {
				states[f.Details["to"]] = true
			}
			return err
		}))
		require.Equal(t, 2, kinds[fact.AgentStarted])
		require.Equal(t, 2, kinds[fact.AgentStopped])
		require.GreaterOrEqual(t, kinds[agent.EventEnforced], 1)
		require.GreaterOrEqual(t, kinds[agent.EventProxyNotRunning], 1)
		require.True(t, states["Closed"] && states["Enforced"], "%v", states)
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
		"--kubeconfig=" + kubeconfig, "--node-name=" + nodeName, "--cri-socket=" + n.socket, "--iptables-backend=nft", "--kubelet-dir=off",
		"--status-socket=" + filepath.Join(state, "agent.sock"), "--state-dir=" + filepath.Join(state, "guarded"),
	}, args...)...)
	command.Stderr = &out
	stuck := time.AfterFunc(time.Minute, func() { _ = command.Process.Kill() })
	defer stuck.Stop()
	err := command.Run()
	require.Error(c.t, err, out.String())
	require.Equal(c.t, 1, command.ProcessState.ExitCode(), out.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	said := 0
	for i, l := range lines {
		if strings.Contains(l, `"msg":"agent failed"`) {
			said = i
		}
	}
	return fmt.Sprint(strings.Join(lines[said:], "\n"))
}

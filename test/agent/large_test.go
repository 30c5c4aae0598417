//go:build bench

package agent_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
	"data-space.liqo.io/test/largecluster"
)

// What the agent may cost in a cluster of 100,000 pods on 1,000 nodes.
const (
	largePods      = 100000
	largeChanges   = 100 // a second, of pods of other nodes
	largeWatched   = 30 * time.Second
	largeReady     = 10 * time.Second
	largeCore      = 0.03
	largeResident  = 100 << 20
	largePeakRatio = 1.3
)

// TestTheWholeAgentInALargeCluster measures the agent with the flags, GOMEMLIMIT and memory limit of deploy/agent.yaml: both
// jobs, a container runtime, the gate and the record, against a stand-in for the API server.
func TestTheWholeAgentInALargeCluster(t *testing.T) {
	h := httptest.NewServer(largecluster.Cluster{Pods: largePods, PerSecond: largeChanges, Policies: largecluster.Policies()})
	t.Cleanup(func() { h.CloseClientConnections(); h.Close() })
	startShipped(t, func(file string) error {
		return os.WriteFile(file, []byte(`{"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c"}}],
			"clusters": [{"name": "c", "cluster": {"server": "`+h.URL+`"}}]}`), 0o600)
	}).measure(func() {})
}

// TestTheWholeAgentBesideARealLargeAPIServer measures the same with a real API server and etcd. LARGE_PODS is the number of pods:
// 100,000 need 5 GiB.
func TestTheWholeAgentBesideARealLargeAPIServer(t *testing.T) {
	count, err := strconv.Atoi(os.Getenv("LARGE_PODS"))
	if err != nil {
		count = 5000
	}
	began := time.Now()
	server, err := largecluster.Start(t.Context(), count)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	require.NoError(t, server.Apply(t.Context(), root+"/deploy/namespace.yaml", root+"/deploy/agent.yaml"))
	node := largecluster.Node("node-0")
	made, err := server.Clients.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node.Name}, Spec: node.Spec}, metav1.CreateOptions{})
	require.NoError(t, err)
	made.Status.Addresses = node.Status.Addresses
	_, err = server.Clients.CoreV1().Nodes().UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
	require.NoError(t, err)
	for _, p := range largecluster.Policies() {
		_, err := server.Clients.NetworkingV1().NetworkPolicies(p.Namespace).Create(t.Context(),
			&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: p.Name}, Spec: p.Spec}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	t.Logf("%d pods made in %s", count, time.Since(began).Round(time.Second))
	token, err := server.Token(t.Context(), apis.SystemNamespace, account)
	require.NoError(t, err)
	startShipped(t, func(file string) error { return server.Kubeconfig(file, server.Config.Host, token) }).measure(func() {
		require.NoError(t, server.Churn(t.Context(), largeChanges, largeWatched))
	})
}

// shipped is an agent as deploy/agent.yaml starts it, in a control group with the manifest's memory limit.
type shipped struct {
	t      *testing.T
	pid    int
	health string
	group  memoryGroup
	began  time.Time
}

func startShipped(t *testing.T, kubeconfigTo func(file string) error) *shipped {
	t.Helper()
	n, dir, m := newNode(t), t.TempDir(), readManifest(t)
	binary, kubeconfig := dir+"/agent", dir+"/kubeconfig"
	require.NoError(t, apiserver.Build(t.Context(), "agent", binary))
	require.NoError(t, kubeconfigTo(kubeconfig))
	a := &shipped{t: t, health: kit.FreeAddress(t).String(), group: newMemoryGroup(t, m.limit)}
	args := slices.Concat(m.args, n.gates(t), []string{"--kubeconfig=" + kubeconfig, "--node-name=node-0", "--cri-socket=" + n.socket, "--iptables-backend=nft", "--kubelet-dir=off",
		"--status-socket=" + dir + "/agent.sock", "--state-dir=" + dir + "/guarded", "--record-dir=" + dir + "/record", "--pod-logs-dir=" + dir,
		"--metrics-bind-address=" + kit.FreeAddress(t).String(), "--health-bind-address=" + a.health})
	command := exec.Command("sh", append([]string{"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, a.group.dir, binary}, args...)...)
	command.Env = append(os.Environ(), "GOMEMLIMIT="+m.goLimit)
	output := &kit.Output{}
	command.Stderr = output
	a.began = time.Now()
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Log(output.End())
		}
	})
	a.pid = command.Process.Pid
	return a
}

// measure reports and judges the agent's start, its memory and its processor time.
func (a *shipped) measure(churn func()) {
	t := a.t
	require.Eventually(t, func() bool { return strings.HasPrefix(get(a.health, "/readyz"), "200") }, 2*time.Minute, 20*time.Millisecond)
	ready := time.Since(a.began)
	time.Sleep(5 * time.Second)
	before, at := busy(t, a.pid), time.Now()
	churn()
	time.Sleep(time.Until(at.Add(largeWatched)))
	core := (busy(t, a.pid) - before).Seconds() / time.Since(at).Seconds()
	resident, peak, anonymous := memory(t, a.pid, "VmRSS"), memory(t, a.pid, "VmHWM"), memory(t, a.pid, "RssAnon")
	limit, group := a.group.limit, a.group.peak(t)
	t.Logf("ready after %.1f s; %d MiB resident (%d of them not the program's file), at most %d; the control group at most %d of %d MiB; %.1f %% of a core at %d changes a second",
		ready.Seconds(), resident>>20, anonymous>>20, peak>>20, group>>20, limit>>20, 100*core, largeChanges)
	require.LessOrEqual(t, ready, largeReady)
	require.LessOrEqual(t, anonymous, largeResident)
	require.LessOrEqual(t, float64(peak), largePeakRatio*float64(resident))
	require.LessOrEqual(t, max(peak, group), limit*2/3, "a third of the limit is spare")
	require.LessOrEqual(t, core, largeCore)
}

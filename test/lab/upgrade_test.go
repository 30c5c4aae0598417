//go:build lab

package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/claims"
	"data-space.liqo.io/test/kit"
)

// TestNothingLeavesWhileTheAgentsAreUpgraded: pods of a guest send from their first instruction on, are deleted and made
// again, and lose their proxies, while the DaemonSet is rolled out again and again. A capture of both nodes' networks, which
// is there before the pods are, sees none of it.
func TestNothingLeavesWhileTheAgentsAreUpgraded(t *testing.T) {
	world := deployed(t)
	control := newTown(t, world, "upgrade-control", nil)
	control.machines(t)
	strays := control.tap(t)
	control.senders(t, 1)
	require.Eventually(t, func() bool { return strays.count() > 20 }, time.Minute, 100*time.Millisecond, "the capture sees a pod that nobody guards")
	kubectl(t, "", "delete", "deployment", "-n", control.name, "senders")
	strays.end(t)

	guest := newTown(t, world, "upgrade-space", map[string]string{apis.LabelRemoteCluster: "upgrade"})
	guest.senders(t, 4)
	ctx, stop := context.WithCancel(t.Context())
	var churning sync.WaitGroup
	churning.Go(func() { guest.churn(ctx) })
	for range 3 {
		kubectl(t, "", "rollout", "restart", "-n", apis.SystemNamespace, agents)
		kubectl(t, "", "rollout", "status", "-n", apis.SystemNamespace, agents, "--timeout=120s")
	}
	stop()
	churning.Wait()
	kubectl(t, "", "rollout", "status", "-n", guest.name, "deployment/senders", "--timeout=120s")
	require.Empty(t, strays.seen(), "nothing leaves, and they all run in the end")
}

// Where nobody is: documentation addresses (RFC 5737, RFC 3849), to which the pods' default routes lead.
const dark4, dark6 = "203.0.113.99", "2001:db8:dead::99"

// senders starts pods that send to where nobody is.
func (w *town) senders(t *testing.T, replicas int) {
	t.Helper()
	kubectl(t, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: senders, namespace: %s}
spec:
  replicas: %d
  selector: {matchLabels: {app: senders}}
  template:
    metadata: {labels: {app: senders}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 0
      containers:
      - {name: sender, image: docker.io/data-spacer/pharma-app:dev, imagePullPolicy: IfNotPresent, args: [probe, send, %q, %q]}
`, w.name, replicas, dark4, dark6), "apply", "-f", "-")
}

// churn deletes a pod or kills a proxy, now and then, until the context ends.
func (w *town) churn(ctx context.Context) {
	for ctx.Err() == nil {
		if pods, err := w.Pods(ctx, w.name, "app=senders"); err == nil && len(pods) > 0 {
			pod := pods[rand.IntN(len(pods))]
			if rand.IntN(2) == 0 {
				_ = w.Kube.CoreV1().Pods(w.name).Delete(ctx, pod.Name, metav1.DeleteOptions{})
			} else {
				killProxy(pod)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// killProxy ends the processes of the pod's proxy, if it runs.
func killProxy(pod corev1.Pod) {
	for _, status := range pod.Status.InitContainerStatuses {
		_, id, found := strings.Cut(status.ContainerID, "://")
		if !found || status.Name != apis.ProxyContainerName {
			continue
		}
		pids, _ := claims.Processes(id)
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// strays are the packets to where nobody is.
type strays struct {
	mu    sync.Mutex
	lines []string
}

// tap captures on both nodes until the test ends.
func (w *town) tap(t *testing.T) *strays {
	t.Helper()
	s := &strays{}
	for _, node := range []string{"node1", "node2"} {
		tap := kit.NewTap(t, w.homes[node].space, func(_ int, p kit.Packet) { s.see(node, p) })
		t.Cleanup(tap.Stop)
	}
	return s
}

func (s *strays) see(node string, p kit.Packet) {
	if to := p.Dst.Addr().String(); to != dark4 && to != dark6 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, node+": "+p.String())
}

func (s *strays) count() int { return len(s.seen()) }

func (s *strays) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[:min(len(s.lines), 30)]
}

// end waits until no more come, and forgets them. Pods without grace are gone from the API before they are from the node.
func (s *strays) end(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		over := len(s.lines) == 0
		s.lines = nil
		return over
	}, time.Minute, 3*time.Second)
}

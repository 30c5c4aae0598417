//go:build lab

package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/claims"
	"data-space.liqo.io/test/podcapture"
)

const agents = "daemonset/data-space-agent"

func (w *town) ends(t *testing.T) {
	w.clear(t)
	w.see(t, "a1 > b1:8080 yes", "a1 > b2:8080 yes", "b2 > a1:8080 yes", "a2 > service-b2:80 yes")
	near, far, back, service := w.flow(t, "a1 > b1:8080"), w.flow(t, "a1 > b2:8080"), w.flow(t, "b2 > a1:8080"), w.flow(t, "a2 > service-b2:80")
	w.apply(t, `b-closed: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress]`)
	near.requireEnds(t)
	far.requireEnds(t)
	service.requireEnds(t)
	back.requireGoesOn(t)
	w.see(t, "a1 > b1:8080 no", "a1 > b2:8080 no", "b2 > a1:8080 yes")
}

func (w *town) stand(t *testing.T) {
	w.clear(t)
	w.apply(t, `only-a: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]`)
	lines := []string{"a1 > b1:8080 yes", "a1 > b2:8080 yes", "a2 > b1:8080 yes", "c2 > b1:8080 no", "c2 > b2:8080 no", "b1 > b2:8080 no"}
	w.see(t, lines...)
	stop := w.watch(t, lines...)
	t.Cleanup(func() {
		kubectl(t, "", "patch", "-n", apis.SystemNamespace, agents, "--patch", `{"spec": {"template": {"spec": {"nodeSelector": null}}}}`)
		kubectl(t, "", "rollout", "status", "-n", apis.SystemNamespace, agents, "--timeout=180s")
	})
	for _, agent := range w.agents(t) {
		killContainer(t, agent)
	}
	require.Eventually(t, func() bool { return w.restarted(t) }, 3*time.Minute, 200*time.Millisecond, "both agents are back")
	kubectl(t, "", "patch", "-n", apis.SystemNamespace, agents, "--patch", `{"spec": {"template": {"spec": {"nodeSelector": {"nobody": "here"}}}}}`)
	kubectl(t, "", "wait", "-n", apis.SystemNamespace, "pods", "-l", "app.kubernetes.io/name=data-space-agent", "--for=delete", "--timeout=180s")
	w.apply(t, closed)
	time.Sleep(2 * time.Second)
	looks, wrong := stop()
	require.Empty(t, wrong, "killed, started again, and away: never anything else, and what is new waits for the agent")
	require.Greater(t, looks, 20)
	t.Logf("looked %d times at %d lines in both families", looks, len(lines))
	kubectl(t, "", "patch", "-n", apis.SystemNamespace, agents, "--patch", `{"spec": {"template": {"spec": {"nodeSelector": null}}}}`)
	w.see(t, "a1 > b1:8080 no", "a2 > b1:8080 no", "c2 > b2:8080 no")
}

func (w *town) agents(t *testing.T) []corev1.Pod {
	t.Helper()
	pods, err := w.Pods(context.Background(), apis.SystemNamespace, "app.kubernetes.io/name=data-space-agent")
	require.NoError(t, err)
	require.Len(t, pods, 2)
	return pods
}

func (w *town) restarted(t *testing.T) bool {
	t.Helper()
	for _, agent := range w.agents(t) {
		if status := agent.Status.ContainerStatuses[0]; status.RestartCount == 0 || !status.Ready {
			return false
		}
	}
	return true
}

// killContainer gives the processes of a pod's first container no chance to say anything.
func killContainer(t *testing.T, pod corev1.Pod) {
	t.Helper()
	_, id, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://")
	pids, err := claims.Processes(id)
	require.NoError(t, err)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// probes: a node always reaches its own pods.
func (w *town) probes(t *testing.T) {
	w.clear(t)
	w.apply(t, closed)
	ws := &workers{Cluster: w.Cluster}
	ws.own = ws.pod(t, w.name, probed())
	w.homes["own1"] = w.home(t, ws.own)
	ws.place(t, ws.own)
	stop, err := ws.Keep(t.Context(), ws.own, "exec", programPath, "serve")
	require.NoError(t, err)
	defer stop()
	ws.requireProbes(t, ws.own, true)
	w.see(t, "a1 > own1:9002 no")
}

// captures: the node's policy does not hide a leak from those who look for leaks at the pod's veth.
func (w *town) captures(t *testing.T) {
	w.clear(t)
	w.apply(t, closed)
	w.see(t, "a1 > b2:8080 no")
	capture, err := podcapture.Open(w.homes["node1"].space, w.homes["a1"].space, nil)
	require.NoError(t, err)
	defer capture.Close()
	before, err := claims.Refused(t.Context(), w.homes["node1"].space)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	targets := w.addresses(t, "b2")
	go func() {
		_ = w.homes["a1"].space.Do(func() error {
			for _, to := range targets {
				conn, err := net.Dial("udp", netip.AddrPortFrom(to, firstPort).String())
				if err == nil {
					_, _ = io.WriteString(conn, "stolen")
					_ = conn.Close()
				}
			}
			return nil
		})
		_, _ = w.homes["a1"].reaches(netip.AddrPortFrom(targets[0], firstPort), brief)
	}()
	require.NoError(t, capture.Run(ctx))
	after, err := claims.Refused(t.Context(), w.homes["node1"].space)
	require.NoError(t, err)
	verdict := podcapture.Judge(capture.Packets, &capture.Owners, podcapture.Rules{})
	require.GreaterOrEqual(t, after-before, uint64(3), "the node refused them all")
	sent := 0
	for _, packet := range capture.Packets {
		if packet.Out && slices.Contains(targets, packet.Dst.Addr()) {
			require.Contains(t, strings.Join(verdict.Leaks, "\n"), packet.String(), "it counts as a leak")
			sent++
		}
	}
	require.Equal(t, 3, sent)
}

// uninstalled uninstalls the agents, and then installs them again.
func (w *town) uninstalled(t *testing.T) {
	w.clear(t)
	w.apply(t, closed)
	w.see(t, "a1 > b2:8080 no")
	for _, node := range []string{"node1", "node2"} {
		require.NotEmpty(t, w.ours(t, node))
	}
	t.Cleanup(func() { require.NoError(t, w.world.Deploy(context.Background())) })
	kubectl(t, "", "apply", "-f", "../../deploy/uninstall/agent.yaml")
	kubectl(t, "", "rollout", "status", "-n", apis.SystemNamespace, agents, "--timeout=180s")
	for _, node := range []string{"node1", "node2"} {
		require.Empty(t, w.ours(t, node), node)
	}
	w.see(t, "a1 > b2:8080 yes")
	require.NoError(t, w.world.Deploy(t.Context()))
	w.see(t, "a1 > b2:8080 no")
}

// ours are the lines of a node's rules and sets that bear our prefixes.
func (w *town) ours(t *testing.T, node string) (lines []string) {
	t.Helper()
	for _, command := range []string{
		"iptables-nft-save", "ip6tables-nft-save", "iptables-legacy-save", "ip6tables-legacy-save", "nft list ruleset", "ipset save",
	} {
		words := strings.Fields(command)
		for line := range strings.Lines(w.homes[node].output(t, words[0], words[1:]...)) {
			if strings.Contains(strings.ToLower(line), netpol.SetPrefix) {
				lines = append(lines, fmt.Sprint(command, ": ", line))
			}
		}
	}
	return lines
}

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
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/demo/story/scenario"
	"data-space.liqo.io/demo/story/wire"
	"data-space.liqo.io/pkg/values/apis"
)

const agents = "daemonset/data-space-agent"

// flow is a connection over which a word goes to and fro all the time.
type flow struct {
	ended  chan error
	rounds atomic.Int64
}

func (w *town) flow(t *testing.T, way string) *flow {
	t.Helper()
	s := w.sights(t, way+" yes")[0]
	conn, _, err := s.from.dial(s.to)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	f := &flow{ended: make(chan error, 1)}
	go func() { f.ended <- f.talk(conn) }()
	require.Eventually(t, func() bool { return f.rounds.Load() > 5 }, 5*time.Second, 20*time.Millisecond)
	return f
}

func (f *flow) talk(conn net.Conn) error {
	word := []byte("still here")
	for {
		if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			return err
		}
		if _, err := conn.Write(word); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, word); err != nil {
			return err
		}
		f.rounds.Add(1)
		time.Sleep(20 * time.Millisecond)
	}
}

func (f *flow) requireEnds(t *testing.T) {
	t.Helper()
	select {
	case err := <-f.ended:
		require.Error(t, err)
	case <-time.After(15 * time.Second):
		t.Fatalf("it goes on, after %d rounds", f.rounds.Load())
	}
}

func (f *flow) requireGoesOn(t *testing.T) {
	t.Helper()
	before := f.rounds.Load()
	require.Eventually(t, func() bool { return f.rounds.Load() > before+5 }, 5*time.Second, 20*time.Millisecond)
}

func TestAPolicyEndsTheConnectionsThatItForbids(t *testing.T) {
	w := newTown(t, deployed(t), "town-space", nil, "a1", "a2", "b1", "b2")
	w.serve(t, "b2")
	near, far, back, service := w.flow(t, "a1 > b1:8080"), w.flow(t, "a1 > b2:8080"), w.flow(t, "b2 > a1:8080"), w.flow(t, "a2 > service-b2:80")
	w.apply(t, `b-closed: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress]`)
	near.requireEnds(t)
	far.requireEnds(t)
	back.requireGoesOn(t)
	w.see(t, "a1 > b1:8080 no", "a1 > b2:8080 no", "b2 > a1:8080 yes")
	t.Run("also one that goes by a Service", service.requireEnds)
}

// watch tries each line again and again until stop, which returns how often something else was seen, and what.
func (w *town) watch(t *testing.T, lines ...string) (stop func() (looks int, wrong []string)) {
	t.Helper()
	all, ctx := w.sights(t, lines...), context.Background()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	looks, wrong := 0, []string{}
	go func() {
		defer close(done)
		for ; ctx.Err() == nil; looks++ {
			wrong = append(wrong, look(all)...)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return func() (int, []string) {
		cancel()
		<-done
		return looks, wrong
	}
}

func TestTheRulesStandWhileTheAgentIsKilledAndWhileThereIsNone(t *testing.T) {
	w := newTown(t, deployed(t), "town-space", nil, "a1", "a2", "b1", "b2", "c2")
	w.apply(t, `only-a: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]`)
	lines := []string{"a1 > b1:8080 yes", "a1 > b2:8080 yes", "a2 > b1:8080 yes", "c2 > b1:8080 no", "c2 > b2:8080 no", "b1 > b2:8080 no"}
	w.see(t, lines...)
	stop := w.watch(t, lines...)
	t.Cleanup(func() {
		kubectl(t, "", "patch", "-n", apis.SystemNamespace, agents, "--patch", `{"spec": {"template": {"spec": {"nodeSelector": null}}}}`)
		kubectl(t, "", "rollout", "status", "-n", apis.SystemNamespace, agents, "--timeout=90s")
	})
	for _, agent := range w.agents(t) {
		killContainer(t, agent)
	}
	require.Eventually(t, func() bool { return w.restarted(t) }, 60*time.Second, 200*time.Millisecond, "both agents are back")
	kubectl(t, "", "patch", "-n", apis.SystemNamespace, agents, "--patch", `{"spec": {"template": {"spec": {"nodeSelector": {"nobody": "here"}}}}}`)
	kubectl(t, "", "wait", "-n", apis.SystemNamespace, "pods", "-l", "app.kubernetes.io/name=data-space-agent", "--for=delete", "--timeout=60s")
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
	pids, err := scenario.Processes(id)
	require.NoError(t, err)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestProbesSucceedInAPodThatIsClosedToAll: a node always reaches its own pods.
func TestProbesSucceedInAPodThatIsClosedToAll(t *testing.T) {
	w := newTown(t, deployed(t), "town-space", nil, "a1")
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

// TestACaptureSeesWhatAPolicyStops: the node's policy does not hide a leak from those who look for leaks at the pod's veth.
func TestACaptureSeesWhatAPolicyStops(t *testing.T) {
	w := newTown(t, deployed(t), "town-space", nil, "a1", "b2")
	w.machines(t)
	w.apply(t, closed)
	w.see(t, "a1 > b2:8080 no")
	capture, err := wire.Open(w.homes["node1"].space, w.homes["a1"].space, nil)
	require.NoError(t, err)
	defer capture.Close()
	before, err := scenario.Refused(t.Context(), w.homes["node1"].space)
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
		_, _ = w.homes["a1"].reaches(netip.AddrPortFrom(targets[0], firstPort))
	}()
	require.NoError(t, capture.Run(ctx))
	after, err := scenario.Refused(t.Context(), w.homes["node1"].space)
	require.NoError(t, err)
	verdict := wire.Judge(capture.Packets, &capture.Owners, wire.Rules{})
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

// TestUninstallTakesChainsAndSetsAway, and then installs again.
func TestUninstallTakesChainsAndSetsAway(t *testing.T) {
	w := newTown(t, deployed(t), "town-space", nil, "a1", "b2")
	w.machines(t)
	w.apply(t, closed)
	w.see(t, "a1 > b2:8080 no")
	for _, node := range []string{"node1", "node2"} {
		require.NotEmpty(t, w.ours(t, node))
	}
	t.Cleanup(func() { deployed(t) })
	kubectl(t, "", "apply", "-f", "../../deploy/uninstall/agent.yaml")
	kubectl(t, "", "rollout", "status", "-n", apis.SystemNamespace, agents, "--timeout=90s")
	for _, node := range []string{"node1", "node2"} {
		require.Empty(t, w.ours(t, node), node)
	}
	w.see(t, "a1 > b2:8080 yes")
	deployed(t)
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
			if lower := strings.ToLower(line); strings.Contains(lower, "ds-np-") || strings.Contains(lower, "data-space") {
				lines = append(lines, fmt.Sprint(command, ": ", line))
			}
		}
	}
	return lines
}

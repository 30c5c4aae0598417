//go:build kernel

package agent_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/startgate"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/workload"
)

// kept is a node, an agent on it, and what it tells.
type kept struct {
	*node
	running
	t      *testing.T
	a      *api
	client *sandbox.Client
	state  string
}

func newKept(t *testing.T) *kept {
	t.Helper()
	k := &kept{t: t, node: newNode(t), a: newAPI(), state: filepath.Join(t.TempDir(), "guarded")}
	var err error
	k.client, err = sandbox.Dial(t.Context(), k.socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = k.client.Close() })
	k.running = startAgent(t, k.node, k.a, k.state)
	return k
}

// able is a container's security with capabilities.
func able(capabilities ...string) *cri.LinuxContainerSecurityContext {
	s := plain()
	s.Capabilities = &cri.Capability{AddCapabilities: capabilities}
	return s
}

func plain() *cri.LinuxContainerSecurityContext {
	return &cri.LinuxContainerSecurityContext{
		Capabilities:     &cri.Capability{DropCapabilities: []string{"NET_RAW"}},
		NamespaceOptions: &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER},
	}
}

// walls is what nft shows of walls on the node.
func (k *kept) walls() string {
	k.t.Helper()
	_, walls, _ := strings.Cut("\n"+k.netdev(), "\ntable netdev data-space-quarantine ")
	walls, _, _ = strings.Cut(walls, "\n}")
	return walls
}

// netdev is what nft shows of all chains on links of the node.
func (k *kept) netdev() string {
	k.t.Helper()
	var out []byte
	require.NoError(k.t, k.netns.Do(func(ns.NetNS) (err error) {
		out, err = exec.Command("nft", "list", "ruleset", "netdev").CombinedOutput()
		return err
	}), string(out))
	return string(out)
}

func (k *kept) quarantined(name, reason string) agentapi.EndpointStatus {
	k.t.Helper()
	return k.endpoint(name, func(e agentapi.EndpointStatus) bool { return e.State == agentapi.Quarantined && e.Reason == reason })
}

func (k *kept) inside(box string) *netns.Namespace {
	k.t.Helper()
	detail, err := k.client.Sandbox(k.t.Context(), box)
	require.NoError(k.t, err)
	ns, err := netns.Open(detail.Netns)
	require.NoError(k.t, err)
	k.t.Cleanup(func() { _ = ns.Close() })
	return ns
}

// serve answers every connection to the pod's port, as an application does.
func (k *kept) serve(space *netns.Namespace) {
	k.t.Helper()
	var l net.Listener
	require.NoError(k.t, space.Do(func() (err error) {
		var lc net.ListenConfig
		l, err = lc.Listen(context.Background(), "tcp", "[::]:8080")
		return err
	}))
	k.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("alive"))
			_ = c.Close()
		}
	}()
}

// answered waits for an answer to the kubelet, which asks again: in IPv6 the node is silent until it knows that nobody else
// has the address of its new link.
func (k *kept) answered(ip netip.Addr, why string) {
	k.t.Helper()
	require.Eventually(k.t, func() bool { return k.probe(ip) == nil }, 30*time.Second, 20*time.Millisecond, "%s: %s", ip, why)
}

// probe asks as the kubelet does, from the node.
func (k *kept) probe(ip netip.Addr) error {
	return k.netns.Do(func(ns.NetNS) error {
		d := net.Dialer{Timeout: time.Second}
		c, err := d.DialContext(context.Background(), "tcp", netip.AddrPortFrom(ip, 8080).String())
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		_, err = c.Read(make([]byte, 5))
		return err
	})
}

func TestWhatTheRulesCannotHoldIsQuarantined(t *testing.T) {
	k := newKept(t)
	shared := func(mode cri.NamespaceMode) *cri.LinuxContainerSecurityContext {
		s := plain()
		s.NamespaceOptions = &cri.NamespaceOption{Pid: mode}
		return s
	}
	for reason, security := range map[string]struct {
		name       string
		proxy, app *cri.LinuxContainerSecurityContext
		mode       cri.NamespaceMode
		cure       string
	}{
		"raw":   {"Capabilities", plain(), able("NET_RAW"), cri.NamespaceMode_CONTAINER, "NET_RAW"},
		"admin": {"Capabilities", plain(), able("NET_ADMIN", "SYS_PTRACE"), cri.NamespaceMode_CONTAINER, "NET_ADMIN"},
		"pids":  {"SharedProcesses", shared(cri.NamespaceMode_POD), shared(cri.NamespaceMode_POD), cri.NamespaceMode_POD, "shareProcessNamespace"},
		"host":  {"SharedProcesses", plain(), shared(cri.NamespaceMode_NODE), cri.NamespaceMode_NODE, "with the node"},
	} {
		t.Run(reason, func(t *testing.T) {
			config := k.sandboxConfig("pharma", reason)
			config.Linux.SecurityContext.NamespaceOptions.Pid = security.mode
			box := k.runPod(config)
			k.run(k.createWith(config, box, apis.ProxyContainerName, 0, security.proxy))
			app := k.createWith(config, box, "app", 0, security.app)
			k.run(app)
			e := k.quarantined(reason, security.name)
			require.Contains(t, e.Message, security.cure)
			require.Contains(t, k.walls(), box)
			require.Eventually(t, func() bool { return len(k.a.told(agent.EventQuarantined)) > 0 }, 30*time.Second, time.Millisecond)
			require.Contains(t, strings.Join(k.a.told(agent.EventQuarantined), "\n"), "pharma/"+reason)
			k.a.set(func() { require.Equal(t, security.name, k.a.conditions[reason]) })

			k.kill(app)
			if reason == "raw" || reason == "admin" { // it may come back, and may have left something
				time.Sleep(300 * time.Millisecond)
				k.quarantined(reason, security.name)
				_, err := k.runtime.RemoveContainer(t.Context(), &cri.RemoveContainerRequest{ContainerId: app})
				require.NoError(t, err)
				k.reaches(reason, agentapi.Enforced)
				require.NotContains(t, k.walls(), box)
				k.a.set(func() { require.Empty(t, k.a.conditions[reason]) })
			}
			k.removePod(box)
			require.Eventually(t, func() bool { return !strings.Contains(k.walls(), box) }, 30*time.Second, 20*time.Millisecond)
		})
	}
	require.Eventually(t, func() bool { return !strings.Contains(k.netdev(), "data-space") }, 30*time.Second, 20*time.Millisecond, "nothing is left")
	require.Empty(t, k.a.told(agent.EventDriftRepaired))
	require.Empty(t, k.a.told(agent.EventRedirectFailed))
}

func TestARuntimeThatIsNotKnownIsQuarantined(t *testing.T) {
	k := newKept(t)
	answer, err := k.runtime.RunPodSandbox(t.Context(), &cri.RunPodSandboxRequest{Config: k.sandboxConfig("pharma", "other"), RuntimeHandler: "other"})
	require.NoError(t, err)
	require.Contains(t, k.quarantined("other", "Runtime").Message, "other-runtime")
	require.Contains(t, k.walls(), answer.GetPodSandboxId())
}

// TestAPodWithoutAProxyAnswersProbesAndNothingElse: also across a restart of the agent, and it leaves nothing behind.
func TestAPodWithoutAProxyAnswersProbesAndNothingElse(t *testing.T) {
	k := newKept(t)
	other := k.runPod(k.sandboxConfig("hospital", "other"))
	there := k.inside(other)
	neighbour, err := k.client.Sandbox(t.Context(), other)
	require.NoError(t, err)
	k.serve(there)
	box := k.runPod(k.sandboxConfig("pharma", "bare"))
	space := k.inside(box)
	detail, err := k.client.Sandbox(t.Context(), box)
	require.NoError(t, err)
	k.serve(space)
	k.a.set(func() { k.a.pods = []workload.Pod{{Namespace: "pharma", Name: "bare", UID: "uid-bare"}} })
	k.quarantined("bare", "ProxyMissing")

	check := func() {
		t.Helper()
		for _, ip := range detail.IPs {
			k.answered(ip, "the kubelet's probe")
		}
		for _, ip := range neighbour.IPs {
			k.answered(ip, "others are as they were")
			require.Error(t, space.Do(func() error {
				c, err := net.DialTimeout("tcp", netip.AddrPortFrom(ip, 8080).String(), 300*time.Millisecond)
				if err == nil {
					_ = c.Close()
				}
				return err
			}))
		}
		for _, ip := range detail.IPs {
			require.Error(t, there.Do(func() error {
				c, err := net.DialTimeout("tcp", netip.AddrPortFrom(ip, 8080).String(), 300*time.Millisecond)
				if err == nil {
					_ = c.Close()
				}
				return err
			}), "nor is anybody else answered")
		}
	}
	check()
	k.running.stop()
	check()
	k.running = startAgent(t, k.node, k.a, k.state)
	k.quarantined("bare", "ProxyMissing")
	check()
	require.NoError(t, k.netns.Do(func(ns.NetNS) error {
		return exec.Command("nft", "delete", "table", "netdev", "data-space-quarantine").Run()
	}))
	require.Eventually(t, func() bool { return strings.Contains(k.walls(), box) }, 30*time.Second, 20*time.Millisecond, "somebody's change is repaired")
	require.Eventually(t, func() bool { return len(k.a.told(agent.EventDriftRepaired)) == 1 }, 30*time.Second, 20*time.Millisecond)
	check()
	k.running.stop()
	k.removePod(box)
	k.running = startAgent(t, k.node, k.a, k.state)
	require.Eventually(t, func() bool { return k.walls() == "" }, 30*time.Second, 20*time.Millisecond,
		"the wall of a pod that went while nobody looked")
}

// TestConnectionsThatAreOlderThanTheLabelEnd: at both ends, and the proxy's do not.
func TestConnectionsThatAreOlderThanTheLabelEnd(t *testing.T) {
	k := newKept(t)
	config := k.sandboxConfig("late", "job")
	k.a.set(func() { k.a.spaces["late"] = map[string]string{} })
	box := k.runPod(config)
	k.run(k.create(config, box, apis.ProxyContainerName, 0))
	space := k.inside(box)
	type pair struct{ pod, far net.Conn }
	pairs := map[string]pair{}
	for _, address := range []string{"203.0.113.1:0", "[2001:db8:1::1]:0"} {
		var l net.Listener
		require.Eventually(t, func() bool {
			return k.netns.Do(func(ns.NetNS) (err error) { l, err = net.Listen("tcp", address); return err }) == nil
		}, 30*time.Second, 50*time.Millisecond, "the node has the address")
		var p pair
		require.NoError(t, space.Do(func() (err error) { p.pod, err = net.Dial("tcp", l.Addr().String()); return err }))
		far, err := l.Accept()
		require.NoError(t, err)
		p.far = far
		pairs["tcp "+address] = p
		var u net.Conn
		require.NoError(t, space.Do(func() (err error) { u, err = net.Dial("udp", l.Addr().String()); return err }))
		pairs["udp "+address] = pair{pod: u}
		_ = l.Close()
	}
	k.a.set(func() { k.a.spaces["late"] = map[string]string{apis.LabelRemoteCluster: "pharma-1"} })
	k.reaches("job", agentapi.Enforced)
	for name, p := range pairs {
		for end, c := range map[string]net.Conn{"the pod's": p.pod, "the other": p.far} {
			if c == nil {
				continue
			}
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			_, err := c.Read(make([]byte, 1))
			require.Error(t, err)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
			var timeout net.Error
			require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "%s: %s end is left hanging: %v", name, end, err)
		}
	}
}

// TestAContainerThatTheRulesCouldNotHoldDoesNotStart: NRI asks before its first instruction.
func TestAContainerThatTheRulesCouldNotHoldDoesNotStart(t *testing.T) {
	g := newGated(t)
	client, err := sandbox.Dial(t.Context(), g.node.socket)
	require.NoError(t, err)
	defer client.Close()
	a := newAPI()
	r := startAgent(t, g.node, a, filepath.Join(t.TempDir(), "guarded"))
	g.announce(t, r, client, true)
	start := func(config *cri.PodSandboxConfig, box, name string, security *cri.LinuxContainerSecurityContext) error {
		id := g.createWith(config, box, name, 0, security)
		_, err := g.runtime.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: id})
		return err
	}
	config := g.config("pharma", "job")
	box, err := g.try(config)
	require.NoError(t, err)
	proxy := g.create(config, box, apis.ProxyContainerName, 0)
	g.run(proxy)
	require.NoError(t, start(config, box, "plain", plain()))
	for name, security := range map[string]*cri.LinuxContainerSecurityContext{
		"NET_RAW": able("NET_RAW"), "NET_ADMIN": able("NET_ADMIN"), "SYS_PTRACE": able("SYS_PTRACE"),
		"shares its processes with the proxy": {
			Capabilities:     plain().Capabilities,
			NamespaceOptions: &cri.NamespaceOption{Pid: cri.NamespaceMode_TARGET, TargetId: proxy},
		},
	} {
		err := start(config, box, "bad"+strings.ToLower(strings.ReplaceAll(name, " ", "")), security)
		require.ErrorContains(t, err, name, "%s", name)
		require.ErrorContains(t, err, "Data Spacer does not let container")
	}
	require.Len(t, a.told(startgate.EventStartRefused), 4)
	own := g.config("hospital", "own")
	box, err = g.try(own)
	require.NoError(t, err)
	require.NoError(t, start(own, box, "app", able("NET_RAW", "NET_ADMIN")), "the Hospital's own pods are nobody's business")
}

// TestAPodThatHasChangedItsAddressIsWalledOff: its rules are refused a namespace without the pod's address; the wall is not.
func TestAPodThatHasChangedItsAddressIsWalledOff(t *testing.T) {
	k := newKept(t)
	k.a.set(func() { k.a.spaces["late"] = map[string]string{} })
	config := k.sandboxConfig("late", "job")
	box := k.runPod(config)
	k.run(k.createWith(config, box, "app", 0, able("NET_ADMIN")))
	require.NoError(t, k.inside(box).Do(func() error {
		l, err := netlink.LinkByName("eth0")
		require.NoError(t, err)
		addresses, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		require.NoError(t, err)
		for _, a := range addresses {
			require.NoError(t, netlink.AddrDel(l, &a))
		}
		return nil
	}))
	k.a.set(func() { k.a.spaces["late"] = map[string]string{apis.LabelRemoteCluster: "pharma-1"} })
	require.Eventually(t, func() bool { return strings.Contains(k.walls(), box) }, 30*time.Second, 20*time.Millisecond)
	require.Len(t, k.a.told(agent.EventQuarantined), 1)
	k.endpoint("job", func(e agentapi.EndpointStatus) bool {
		return e.State == agentapi.Failed && e.Reason == failure.NotThePods && len(e.Findings) > 0
	})
}

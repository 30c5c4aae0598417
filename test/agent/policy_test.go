//go:build api

package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

const (
	nodeAddress = "198.51.100.1"
	space       = "x" // of all pods
)

// house is this test's own network namespace, made the network of a node with pods behind interfaces of their own.
type house struct {
	t    *testing.T
	c    *cluster
	pods map[string]*netns.Namespace
}

func newHouse(t *testing.T, c *cluster) *house {
	t.Helper()
	h := &house{t: t, c: c, pods: map[string]*netns.Namespace{}}
	require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644))
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, netlink.AddrReplace(lo, single(nodeAddress)))
	return h
}

func single(ip string) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(ip).To4(), Mask: net.CIDRMask(32, 32)}}
}

// pod makes a pod that answers on port 80, as its object and as a network namespace.
func (h *house) pod(name, ip string, labels map[string]string) {
	h.t.Helper()
	h.network(name, ip)
	p, err := h.c.CoreV1().Pods(space).Create(h.t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.PodSpec{NodeName: nodeName, Containers: []corev1.Container{{Name: "app", Image: "app"}}},
	}, metav1.CreateOptions{})
	require.NoError(h.t, err)
	p.Status.Phase, p.Status.PodIP, p.Status.PodIPs = corev1.PodRunning, ip, []corev1.PodIP{{IP: ip}}
	_, err = h.c.CoreV1().Pods(space).UpdateStatus(h.t.Context(), p, metav1.UpdateOptions{})
	require.NoError(h.t, err)
}

func (h *house) network(name, ip string) {
	h.t.Helper()
	ns, err := netns.Scratch()
	require.NoError(h.t, err)
	h.pods[name] = ns
	var fd int
	require.NoError(h.t, ns.Do(func() (err error) {
		fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	}))
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "veth" + name}, PeerName: "eth0", PeerNamespace: netlink.NsFd(fd)}
	require.NoError(h.t, netlink.LinkAdd(pair))
	require.NoError(h.t, unix.Close(fd))
	h.t.Cleanup(func() { _ = netlink.LinkDel(pair); ns.Close() })
	here, err := netlink.LinkByName("veth" + name)
	require.NoError(h.t, err)
	require.NoError(h.t, netlink.LinkSetUp(here))
	require.NoError(h.t, netlink.RouteAdd(&netlink.Route{LinkIndex: here.Attrs().Index, Dst: single(ip).IPNet, Scope: netlink.SCOPE_LINK}))
	require.NoError(h.t, ns.Do(func() error {
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		gateway := single(nodeAddress).IPNet
		return errors.Join(netlink.LinkSetUp(eth0), netlink.AddrAdd(eth0, single(ip)),
			netlink.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Dst: gateway, Scope: netlink.SCOPE_LINK}),
			netlink.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Gw: gateway.IP}))
	}))
	var l net.Listener
	require.NoError(h.t, ns.Do(func() (err error) {
		l, err = net.Listen("tcp", net.JoinHostPort(ip, "80"))
		return err
	}))
	h.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
}

// reaches reports whether the pod reaches the address; the empty name is the node.
func (h *house) reaches(pod, ip string) bool {
	h.t.Helper()
	var err error
	dial := func() error {
		var conn net.Conn
		if conn, err = net.DialTimeout("tcp", net.JoinHostPort(ip, "80"), time.Second); err == nil {
			conn.Close()
		}
		return nil
	}
	if pod == "" {
		_ = dial()
	} else {
		require.NoError(h.t, h.pods[pod].Do(dial))
	}
	return err == nil
}

func (h *house) becomes(want bool, pod, ip string) {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.reaches(pod, ip) == want }, 30*time.Second, 20*time.Millisecond, "%s -> %s: %t", pod, ip, want)
}

// policy lets the pods with these labels be reached by those of the namespace with the others; nil: by nobody.
func (c *cluster) policy(namespace, name string, of, by map[string]string) {
	c.t.Helper()
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: of}, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}}}
	if by != nil {
		p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: by}}}}}
	}
	_, err := c.NetworkingV1().NetworkPolicies(namespace).Create(c.t.Context(), p, metav1.CreateOptions{})
	require.NoError(c.t, err)
}

// verb runs a command of the agent's and returns what it said, and its exit status.
func (p *program) verb(args ...string) (string, int) {
	p.t.Helper()
	out, err := exec.Command(p.c.binary, append(args, "--status-socket="+p.socket)...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	require.NoError(p.t, err)
	return string(out), 0
}

func tables(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", "iptables-nft-save; ip6tables-nft-save; ipset save").CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestNetworkPolicyAloneNeedsTheAPIAlone(t *testing.T) {
	c := newCluster(t)
	h := newHouse(t, c)
	api, server := newLine(t, c.config.Host)
	kubeconfig, state := c.kubeconfig(server, apis.SystemNamespace, account), t.TempDir()
	args := []string{"--enable=networkpolicy", "--verify-interval=1s"}
	nowhere := &node{socket: "/there/is/no/runtime.sock"}
	p := startProgram(t, c, nowhere, kubeconfig, state, args...)

	t.Run("a node that the cluster does not know is waited for", func(t *testing.T) {
		p.logs("there is no such node")
		require.Contains(t, get(p.health, "/readyz"), "NetworkPolicy is not in force yet")
		require.Contains(t, get(p.health, "/healthz"), "200")
		require.NotContains(t, tables(t), "DS-NP-")
		out, code := p.verb("status")
		require.Zero(t, code, out)
		require.Contains(t, out, "not in force yet")
		require.Contains(t, out, "there is no such node")
	})

	c.namespace("x", nil)
	h.pod("web", "203.0.113.10", map[string]string{"app": "web"})
	h.pod("friend", "203.0.113.11", map[string]string{"app": "friend"})
	h.pod("stranger", "203.0.113.12", nil)
	c.policy("x", "web", map[string]string{"app": "web"}, map[string]string{"app": "friend"})
	h.becomes(true, "stranger", "203.0.113.10")
	c.object(nodeAddress)
	p.ready()

	t.Run("what policies say holds", func(t *testing.T) {
		h.becomes(true, "friend", "203.0.113.10")
		require.False(t, h.reaches("stranger", "203.0.113.10"))
		h.becomes(true, "", "203.0.113.10")
		h.becomes(true, "web", "203.0.113.12")
		c.policy("x", "none", nil, nil)
		h.becomes(false, "web", "203.0.113.12")
		require.NoError(t, c.NetworkingV1().NetworkPolicies("x").Delete(t.Context(), "none", metav1.DeleteOptions{}))
		h.becomes(true, "web", "203.0.113.12")
	})

	t.Run("which rule decides is told", func(t *testing.T) {
		ask := func(from string) []string {
			return []string{"explain", "--from=" + from, "--to=203.0.113.10", "--protocol=tcp", "--port=80"}
		}
		out, code := p.verb(ask("203.0.113.11")...)
		require.Zero(t, code, out)
		require.Contains(t, out, `ingress of x/web: allowed by "x/web ingress[0] from[0] pods app=friend"`)
		out, code = p.verb(append(ask("203.0.113.12"), "-o", "json")...)
		require.Equal(t, 3, code, out)
		var e agentapi.Explanation
		require.NoError(t, json.NewDecoder(strings.NewReader(out)).Decode(&e), out)
		require.Equal(t, agentapi.Side{Pod: "x/web", Against: []string{"x/web"}, Chain: e.Ingress.Chain}, e.Ingress)
		require.True(t, e.InForce)
		require.Contains(t, tables(t), "-g "+e.Ingress.Chain)
		out, code = p.verb(ask(nodeAddress)...)
		require.Zero(t, code, out)
		out, code = p.verb("explain", "--from=here", "--to=::1", "--protocol=gre")
		require.Equal(t, 2, code, out)
		for _, part := range []string{`--from="here"`, `--protocol="gre"`} {
			require.Contains(t, out, part)
		}
	})

	t.Run("what somebody changes is repaired and reported", func(t *testing.T) {
		out, err := exec.Command("iptables-nft", "-F", "DS-NP-INGRESS").CombinedOutput()
		require.NoError(t, err, string(out))
		require.Eventually(t, func() bool {
			return strings.Contains(get(p.metrics, "/metrics"), "data_space_agent_policy_drift_findings_total 1")
		},
			time.Minute, 100*time.Millisecond)
		require.False(t, h.reaches("stranger", "203.0.113.10"))
		p.logs("PolicyDriftRepaired")
		require.Eventually(t, func() bool {
			return strings.Contains(get(p.metrics, "/metrics"), `data_space_agent_policy_refused_packets_total{family="ipv4",reason="ingress"}`)
		}, 30*time.Second, 100*time.Millisecond)
		for _, part := range []string{"policy_in_force 1", "policy_policies 1", "policy_policies_on_node 1", "policy_local_pods 3", "policy_isolated_pods 1",
			`policy_info{backend="nft",denial="REJECT",unknown="Foreign"} 1`} {
			require.Contains(t, get(p.metrics, "/metrics"), "data_space_agent_"+part)
		}
		status, code := p.verb("status")
		require.Zero(t, code, status)
		require.Contains(t, status, "in force, iptables-nft, denial REJECT; 1 of 1 policies select 1 of 3 pods here")
	})

	t.Run("rules outlive the agent, and the next one changes nothing before it knows the cluster", func(t *testing.T) {
		p.stop()
		before := withoutCounts(tables(t))
		require.False(t, h.reaches("stranger", "203.0.113.10"))
		api.Cut()
		p = startProgram(t, c, nowhere, kubeconfig, state, args...)
		p.logs("policies wait for the API server")
		require.Equal(t, before, withoutCounts(tables(t)))
		require.NoError(t, api.Join())
		p.ready()
		require.Equal(t, before, withoutCounts(tables(t)))
		p.logs(`"written":0`)
		h.pod("late", "203.0.113.13", map[string]string{"app": "friend"})
		h.becomes(true, "late", "203.0.113.10")
	})

	t.Run("cleanup takes everything away, and the agent leaves it so", func(t *testing.T) {
		out, code := p.verb("cleanup")
		require.Zero(t, code, out)
		require.NotContains(t, out, "removed: 0 chains")
		time.Sleep(2500 * time.Millisecond)
		require.NotContains(t, strings.ToLower(tables(t)), "ds-np-")
		h.becomes(true, "stranger", "203.0.113.10")
		p.stop()
		out, code = p.verb("cleanup")
		require.Zero(t, code, out)
		require.Equal(t, "removed: 0 chains, 0 sets\n", out)
	})
}

func withoutCounts(save string) string {
	var lines []string
	for line := range strings.Lines(save) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, ":") {
			line, _, _ = strings.Cut(line, " [")
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

func TestWithAnotherNodesNameNothingIsWritten(t *testing.T) {
	c := newCluster(t)
	c.object("198.51.100.77")
	out := c.fails(&node{socket: "/there/is/no/runtime.sock"}, c.kubeconfig(c.config.Host, apis.SystemNamespace, account), t.TempDir(),
		"--enable=networkpolicy", "--metrics-bind-address=0", "--health-bind-address=0")
	require.Contains(t, out, "hostNetwork: true")
	require.Contains(t, out, fmt.Sprint(netip.MustParseAddr("198.51.100.77")))
	require.NotContains(t, tables(t), "DS-NP-")
}

func TestWithoutTheRightToReadTheNodeItSaysSo(t *testing.T) {
	c := newCluster(t)
	c.namespace("outsiders", nil)
	out := c.fails(&node{socket: "/there/is/no/runtime.sock"}, c.kubeconfig(c.config.Host, "outsiders", "default"), t.TempDir(),
		"--enable=networkpolicy", "--metrics-bind-address=0", "--health-bind-address=0")
	require.Contains(t, out, "refused by the API server")
	require.Contains(t, out, "ClusterRole data-space-agent")
}

func TestBothJobsShareOneAgent(t *testing.T) {
	c := newCluster(t)
	n := newNode(t)
	c.object("127.0.0.1")
	c.namespace("pharma", map[string]string{apis.LabelRemoteCluster: "pharma-1"})
	c.policy("pharma", "none", nil, nil)
	pod := c.pod("pharma", "job")
	config := n.sandboxConfig("pharma", "job")
	config.Metadata.Uid = string(pod.UID)
	box := n.runPod(config)
	n.run(n.create(config, box, apis.ProxyContainerName, 0))
	p := startProgram(t, c, n, c.kubeconfig(c.config.Host, apis.SystemNamespace, account), t.TempDir(), "--enable=redirect,networkpolicy")
	p.ready()
	p.reaches("job", agentapi.Enforced, "")
	text := get(p.metrics, "/metrics")
	for _, part := range []string{`data_space_agent_endpoints{state="Enforced"} 1`, "data_space_agent_policy_in_force 1", "data_space_agent_policy_policies 1", "go_goroutines"} {
		require.Contains(t, text, part)
	}
	out, code := p.verb("status")
	require.Zero(t, code, out)
	require.Contains(t, out, "pharma/job  Enforced")
	require.Contains(t, out, "NetworkPolicy on node "+nodeName+": in force")
}

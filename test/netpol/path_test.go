//go:build kernel

package netpol

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

func write(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }

const (
	denyIngress = `x/deny-in: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]`
	denyEgress  = `x/deny-out: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress]`
)

func TestTheNodeAlwaysReachesItsPodsAndARemoteNodeDoesNot(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.serve(c.pods["x/a"])
		require.True(t, c.reaches(c.node, c.address("x/a"), 80))
		require.True(t, c.reaches(c.outside, c.address("x/a"), 80))
		c.do(denyIngress)
		require.True(t, c.reaches(c.node, c.address("x/a"), 80), "the kubelet's probes")
		require.False(t, c.reachesBriefly(c.outside, c.address("x/a"), 80))
		require.False(t, c.reachesBriefly(c.pods["x/b"], c.address("x/a"), 80))
		c.do(fmt.Sprintf(`x/deny-in: podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: "%s/%d"}}]}]`,
			c.of(remoteNodes), c.of(remoteNodes).BitLen()))
		require.True(t, c.reaches(c.outside, c.address("x/a"), 80), "by an ipBlock")
	})
}

func TestAPodReachesItsOwnNodeAsItsEgressSays(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.serve(c.node)
		c.serve(c.pods["x/a"])
		require.True(t, c.reaches(c.pods["x/a"], c.of(nodeAddresses), 80))
		c.do(denyEgress)
		require.False(t, c.reachesBriefly(c.pods["x/a"], c.of(nodeAddresses), 80))
		require.False(t, c.reachesBriefly(c.pods["x/a"], c.of(gateways), 80))
		require.True(t, c.reaches(c.node, c.address("x/a"), 80), "answers are no egress")
		c.do(fmt.Sprintf(`x/deny-out: podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: "%s/%d"}}], ports: [{port: 80}]}]`,
			c.of(nodeAddresses), c.of(nodeAddresses).BitLen()))
		require.True(t, c.reaches(c.pods["x/a"], c.of(nodeAddresses), 80))
		require.False(t, c.reachesBriefly(c.pods["x/a"], c.of(gateways), 80))
	})
}

// service makes a ClusterIP as kube-proxy does: DNAT to one pod, masquerade where a pod calls itself.
func (c *cluster) service(backend string) {
	c.t.Helper()
	own := c.address(backend)
	ip, to := c.of(services).String(), own.String()+":80"
	if c.v6 {
		to = "[" + own.String() + "]:80"
	}
	for _, chain := range []string{"PREROUTING", "OUTPUT"} {
		c.table("-t", "nat", "-A", chain, "-d", ip, "-p", "tcp", "--dport", "8080", "-j", "DNAT", "--to-destination", to)
	}
	c.table("-t", "nat", "-A", "POSTROUTING", "-s", own.String(), "-d", own.String(), "-j", "MASQUERADE")
}

func TestServicesAreJudgedByTheirBackend(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.serve(c.pods["y/a"])
		c.service("y/a")
		vip := c.of(services)
		require.True(t, c.reaches(c.pods["x/a"], vip, 8080))
		c.do(`x/out: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}], ports: [{port: 80}]}]`)
		require.True(t, c.reaches(c.pods["x/a"], vip, 8080), "the backend's port counts")
		c.do(`x/out: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}], ports: [{port: 8080}]}]`)
		require.False(t, c.reachesBriefly(c.pods["x/a"], vip, 8080), "not the Service's")
		c.do("x/out gone\ny/in: podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: x}}, podSelector: {matchLabels: {pod: b}}}]}]")
		require.False(t, c.reachesBriefly(c.pods["x/a"], vip, 8080))
		require.True(t, c.reaches(c.pods["x/b"], vip, 8080), "the client is judged before any SNAT")
	})
}

func TestAPodReachesItselfByItsAddressAndThroughAService(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.serve(c.pods["x/a"])
		c.service("x/a")
		c.do(denyIngress + "\n" + denyEgress)
		require.True(t, c.reaches(c.pods["x/a"], c.address("x/a"), 80))
		require.True(t, c.reaches(c.pods["x/a"], c.of(services), 8080), "hairpin")
		require.False(t, c.reachesBriefly(c.pods["x/b"], c.of(services), 8080))
	})
}

func TestADenialIsAnsweredOrNotAsSetAndLoggedAndCounted(t *testing.T) {
	for _, denial := range []netpol.Denial{netpol.Reject, netpol.Drop} {
		each(t, netpol.Settings{Denial: denial}, func(t *testing.T, c *cluster) {
			t.Helper()
			c.do(denyIngress)
			_, err := dial(c.pods["x/b"], c.address("x/a"), 80, brief)
			require.Error(t, err)
			require.Equal(t, denial == netpol.Reject, refused(err), "a dropped call has no answer: %v", err)
			chain := c.table("-vnL", "DS-NP-NO-I")
			require.Regexp(t, `\n +[1-9]\d* .*NFLOG.*ds-np ingress no-rule`, chain)
			require.Regexp(t, `\n +[1-9]\d* .*`+string(denial), chain)
		})
	}
}

// absent is how long is waited for what must not come.
const absent = 20 * time.Millisecond

func TestWhatConntrackCannotPlaceDoesNotReachAnIsolatedPod(t *testing.T) {
	for _, backend := range backends() {
		t.Run(string(backend), func(t *testing.T) {
			n := newNode(t)
			f := newPlay(t, n, backend, netpol.Settings{Denial: netpol.Drop})
			none, all := byte(0), byte(0x3f)
			segments := []byte{none, all, 0x03, 0x10, 0x11, 0x04, 0x18, 0x29} // null, everything, SYN+FIN, ACK, FIN+ACK, RST, PSH+ACK, Christmas tree
			arrive := func(source uint16, wait time.Duration) (arrived []byte) {
				for i, flags := range segments {
					for _, v6 := range []bool{false, true} {
						fl := flow{from: worlds.Address4(1), to: worlds.Address4(0), protocol: 6, source: source + uint16(i), port: 80}
						if v6 {
							fl.from, fl.to = worlds.Address6(1), worlds.Address6(0)
						}
						body := fl.tcp(flags)
						require.NoError(t, n.wireOf(fl.from).send(append(fl.header(len(body)), body...)))
						if n.arrived(fl, wait) {
							arrived = append(arrived, flags)
						}
					}
				}
				return arrived
			}
			require.Len(t, arrive(1000, patient), 2*len(segments), "a pod that nothing judges gets everything")
			f.do("x/in: podSelector: {}, policyTypes: [Ingress]")
			require.Empty(t, arrive(2000, absent))
			f.do("x/in: podSelector: {}, policyTypes: [Ingress], ingress: [{}]")
			require.Empty(t, arrive(3000, absent), "nor where everything is allowed: none of it opens a connection")
		})
	}
}

func TestPodsBehindABridgeAreJudgedAndThatTheyEscapeIsSeen(t *testing.T) {
	for _, backend := range backends() {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, IPv6 %t", backend, v6), func(t *testing.T) {
				c := newCluster(t, backend, true, netpol.Settings{})
				c.v6 = v6
				c.in(c.node, sysctls("net/bridge/bridge-nf-call-iptables=1", "net/bridge/bridge-nf-call-ip6tables=1"))
				c.serve(c.pods["x/a"])
				require.True(t, c.reaches(c.pods["x/b"], c.address("x/a"), 80))
				c.do(denyIngress)
				require.False(t, c.reachesBriefly(c.pods["x/b"], c.address("x/a"), 80))
				require.True(t, c.reaches(c.node, c.address("x/a"), 80))
				escapes, err := c.filter.Bridges(addressesOf("x/a"))
				require.NoError(t, err)
				require.Empty(t, escapes)

				c.in(c.node, sysctls("net/bridge/bridge-nf-call-iptables=0", "net/bridge/bridge-nf-call-ip6tables=0"))
				escapes, err = c.filter.Bridges(addressesOf("x/a"))
				require.NoError(t, err)
				require.Len(t, escapes, 2)
				require.Contains(t, escapes[0].String(), "behind bridge cni0")
			})
		}
	}
}

func TestConnectionsThatANewPolicyForbidsAreCutAndNoOthers(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.serve(c.pods["x/a"])
		c.serve(c.pods["y/a"])
		c.service("y/a")
		forbidden, err := dial(c.pods["x/b"], c.address("x/a"), 80, patient)
		require.NoError(t, err)
		defer forbidden.Close()
		service, err := dial(c.pods["x/b"], c.of(services), 8080, patient)
		require.NoError(t, err)
		defer service.Close()
		kubelet, err := dial(c.node, c.address("x/a"), 80, patient)
		require.NoError(t, err)
		defer kubelet.Close()
		allowed, err := dial(c.pods["y/a"], c.address("x/a"), 80, patient)
		require.NoError(t, err)
		defer allowed.Close()
		require.NoError(t, echoes(forbidden, patient))
		require.NoError(t, echoes(service, patient))

		c.do(`x/in: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "y"}}}]}]
			x/out: podSelector: {matchLabels: {pod: b}}, policyTypes: [Egress]`)
		require.NoError(t, echoes(forbidden, patient), "known connections pass until they are cut")
		require.Equal(t, 2, c.cut())
		require.Error(t, echoes(forbidden, brief))
		require.Error(t, echoes(forbidden, brief), "and stay cut")
		require.Error(t, echoes(service, brief))
		require.NoError(t, echoes(allowed, patient))
		require.NoError(t, echoes(kubelet, patient))
		require.Zero(t, c.cut())
	})
}

func TestWhatIsAllowedStillMeetsTheOtherRulesOfTheNode(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.serve(c.pods["x/a"])
		c.do("x/in: podSelector: {}, policyTypes: [Ingress], ingress: [{}]")
		require.True(t, c.reaches(c.pods["x/b"], c.address("x/a"), 80))
		c.table("-A", "FORWARD", "-p", "tcp", "--dport", "80", "-j", "DROP")
		require.False(t, c.reachesBriefly(c.pods["x/b"], c.address("x/a"), 80))
		c.table("-D", "FORWARD", "-p", "tcp", "--dport", "80", "-j", "DROP")
		c.table("-A", "FORWARD", "-m", "mark", "!", "--mark", "0x0", "-j", "DROP")
		require.True(t, c.reaches(c.pods["x/b"], c.address("x/a"), 80), "no mark of ours is left on the packet")
	})
}

func TestAPodThatTheNodeDoesNotKnowYetIsClosedWhileAForeignOneStarts(t *testing.T) {
	each(t, netpol.Settings{PodCIDRs: nil}, func(t *testing.T, c *cluster) {
		t.Helper()
		// Without the node's ranges nothing can be told.
		c.serve(c.pods["x/a"])
		require.True(t, c.reaches(c.pods["x/b"], c.address("x/a"), 80))
	})
	ranges := netpol.Settings{PodCIDRs: podRanges()}
	each(t, ranges, func(t *testing.T, c *cluster) {
		t.Helper()
		for _, name := range []string{"x/a", "x/b"} {
			c.serve(c.pods[name])
		}
		gone := scenarios.Pod("x/a", nil)
		gone.Gone = true
		apply := func(changes ...netpol.Change) {
			require.NoError(t, c.filter.Apply(t.Context(), c.index.Apply(changes...)))
		}
		apply(worlds.Change(t, gone))
		require.True(t, c.reaches(c.pods["x/b"], c.address("x/a"), 80), "unknown, but no foreign pod starts here")

		foreign := scenarios.Namespace("guest", map[string]string{"liqo.io/remote-cluster-id": "pharma"})
		starting := scenarios.Pod("x/a", nil)
		starting.Pod.Namespace, starting.Pod.Status.PodIPs = "guest", nil
		apply(worlds.Change(t, foreign), worlds.Change(t, starting))
		require.False(t, c.reachesBriefly(c.pods["x/b"], c.address("x/a"), 80))
		require.False(t, c.reachesBriefly(c.pods["x/a"], c.address("x/b"), 80))
		require.False(t, c.reachesBriefly(c.pods["x/a"], c.of(nodeAddresses), 80))
		require.True(t, c.reaches(c.pods["y/a"], c.address("x/b"), 80), "known pods are not concerned")
		require.True(t, c.reaches(c.node, c.address("x/a"), 80), "nor is the node itself")

		known := starting.Pod.DeepCopy()
		known.Status = scenarios.Pod("x/a", nil).Pod.Status
		starting.Pod = known
		apply(worlds.Change(t, starting))
		require.True(t, c.reaches(c.pods["x/b"], c.address("x/a"), 80))
	})
}

func TestChainsCanBeReadByPeople(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.do(`x/web: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}, {namespaceSelector: {matchLabels: {team: red}}}], ports: [{port: 80}, {port: 443, endPort: 445}]}]`)
		text := c.table("-S")
		for _, want := range []string{"pod x/a", "x/web", "x/web ingress[0] from[0] pods pod=b", "x/web ingress[0] from[1] pods all in namespaces team=red"} {
			require.Contains(t, text, want)
		}
		require.NotContains(t, text, "y/a", "pods that no policy selects are in no rule")
	})
}

// relay makes the pod's own connections go through a proxy in the pod, as a foreign pod's do: it connects to the target
// whatever the application meant.
func (c *cluster) relay(pod string, target netip.AddrPort) {
	c.t.Helper()
	const proxyMark = 7
	ns := c.pods[pod]
	c.in(ns, func() error {
		out, err := exec.Command(c.program(""), "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-m", "mark", "!", "--mark", "7", "-j", "REDIRECT", "--to-ports", "13031").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	var l net.Listener
	c.in(ns, func() (err error) {
		l, err = net.Listen("tcp", ":13031")
		return err
	})
	c.t.Cleanup(func() { l.Close() })
	dialer := net.Dialer{Timeout: 500 * time.Millisecond, Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, proxyMark) })
		return errors.Join(err, failed)
	}}
	go func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			_ = ns.Do(func() error {
				up, err := dialer.Dial("tcp", target.String())
				if err != nil {
					return down.Close()
				}
				go func() { _, _ = io.Copy(up, down); up.Close() }()
				go func() { _, _ = io.Copy(down, up); down.Close() }()
				return nil
			})
		}
	}()
}

func TestTrafficThatAPodsOwnProxyCarriesIsJudgedAsThePods(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.serve(c.pods["x/b"])
		c.relay("x/a", netip.AddrPortFrom(c.address("x/b"), 80))
		require.True(t, c.reaches(c.pods["x/a"], c.address("x/b"), 80))
		c.do(denyEgress)
		require.False(t, c.reachesBriefly(c.pods["x/a"], c.address("x/b"), 80))
		c.do("x/deny-out gone\nx/in: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]")
		require.True(t, c.reaches(c.pods["x/a"], c.address("x/b"), 80), "to the others it is the pod that calls")
		require.False(t, c.reachesBriefly(c.pods["y/a"], c.address("x/b"), 80))
	})
}

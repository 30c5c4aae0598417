//go:build kernel

package hostlink_test

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

func open(t *testing.T, p kit.Pod) *hostlink.Host {
	t.Helper()
	node := kit.NewActor(t, kit.Identity{NS: p.Node})
	host, err := hostlink.Open(fmt.Sprintf("/proc/%d/ns/net", node.PID()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close()) })
	return host
}

func ips() []netip.Addr { return []netip.Addr{kit.PodV4(), kit.PodV6()} }

func run(t *testing.T, ns *netns.Namespace, program string, args ...string) string {
	t.Helper()
	var out []byte
	err := ns.Do(func() (err error) { out, err = exec.Command(program, args...).CombinedOutput(); return err })
	require.NoError(t, err, string(out))
	return string(out)
}

func isUp(t *testing.T, ns *netns.Namespace, name string) bool {
	t.Helper()
	up := false
	require.NoError(t, ns.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err == nil {
			up = l.Attrs().Flags&net.FlagUp != 0
		}
		return err
	}))
	return up
}

func TestALinkWhoseFramesOthersTakeGoesDown(t *testing.T) {
	p := kit.NewPod(t)
	run(t, p.Node, "tc", "qdisc", "add", "dev", "pod0", "ingress")
	standing, err := open(t, p).Up(p.NS, "box", ips())
	require.NoError(t, err)
	require.Empty(t, standing.Walled)
	require.Empty(t, standing.From, "nobody can ask")
	require.Len(t, standing.Down, 1)
	require.Contains(t, standing.Down[0], "ingress")
	require.False(t, isUp(t, p.Node, "pod0"))
}

func TestALinkWithoutAnEndOnThisNodeGoesDownFromInside(t *testing.T) {
	p, elsewhere := kit.NewPod(t), kit.NewPod(t)
	_, err := open(t, elsewhere).Up(p.NS, "box", ips())
	require.ErrorIs(t, err, hostlink.ErrLoose)
	require.ErrorContains(t, err, "eth0")
	require.False(t, isUp(t, p.NS, "eth0"))
	require.True(t, isUp(t, p.Node, "pod0"), "what is not this node's is not touched")
}

// TestWhoHidesItsLinkHasGainedNothing: with CAP_NET_ADMIN a pod can move its end into a namespace of its own.
func TestWhoHidesItsLinkHasGainedNothing(t *testing.T) {
	p, hidden := kit.NewPod(t), kit.NewNamespace(t)
	keeper := kit.NewActor(t, kit.Identity{NS: hidden})
	hide := func() {
		require.NoError(t, p.NS.Do(func() error {
			l, err := netlink.LinkByName("eth0")
			require.NoError(t, err)
			return netlink.LinkSetNsPid(l, keeper.PID())
		}))
	}
	host := open(t, p)
	_, err := host.Up(p.NS, "box", ips())
	require.NoError(t, err)
	wall := run(t, p.Node, "nft", "list", "table", "netdev", "data-space-quarantine")
	hide()
	for _, h := range []*hostlink.Host{host, open(t, p)} {
		_, err = h.Up(p.NS, "box", ips())
		require.NoError(t, err)
		require.Equal(t, wall, run(t, p.Node, "nft", "list", "table", "netdev", "data-space-quarantine"))
	}
	require.NoError(t, host.Down("box"))
	require.Empty(t, strings.TrimSpace(run(t, p.Node, "nft", "list", "ruleset")))
	_, err = host.Up(p.NS, "box", ips())
	require.ErrorIs(t, err, hostlink.ErrLoose, "hidden before anybody looked")
}

func TestLinksThatLeadNowhereElseAreNoReason(t *testing.T) {
	p := kit.NewPod(t)
	for _, link := range []netlink.Link{
		&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "inner"}},
		&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "here"}, PeerName: "there"},
	} {
		require.NoError(t, p.NS.Do(func() error { return netlink.LinkAdd(link) }))
	}
	standing, err := open(t, p).Up(p.NS, "box", ips())
	require.NoError(t, err)
	require.Equal(t, []string{"pod0"}, standing.Walled)
}

// TestNobodyIsAnsweredInTheNodesName: a port of the node that leads to the pod, masqueraded, so that the pod sees the node.
func TestNobodyIsAnsweredInTheNodesName(t *testing.T) {
	p := kit.NewPod(t)
	behind := kit.NewActor(t, kit.Identity{NS: p.Behind(t, 1500)})
	app, node := kit.NewActor(t, kit.Identity{NS: p.NS}), kit.NewActor(t, kit.Identity{NS: p.Node})
	_, err := app.Listen(kit.Listen{Network: "tcp", At: netip.AddrPortFrom(netip.IPv6Unspecified(), 8080), Echo: "secret "})
	require.NoError(t, err)
	for program, to := range map[string]string{"iptables-nft": "203.0.113.2:8080", "ip6tables-nft": "[2001:db8::2]:8080"} {
		run(t, p.Node, program, "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "30080", "-j", "DNAT", "--to-destination", to)
		run(t, p.Node, program, "-t", "nat", "-A", "POSTROUTING", "-p", "tcp", "--dport", "8080", "-j", "MASQUERADE")
	}
	call := func(who *kit.Actor, to netip.AddrPort) error {
		_, err := who.Talk(kit.Talk{Dial: kit.Dial{Network: "tcp", To: to, Timeout: time.Second}, Send: "ping"})
		return err
	}
	outside := []netip.AddrPort{netip.AddrPortFrom(kit.FarV4(), 30080), netip.AddrPortFrom(kit.FarV6(), 30080)}
	for _, to := range outside {
		require.Eventually(t, func() bool { return call(behind, to) == nil }, 30*time.Second, 50*time.Millisecond, "without a wall")
	}
	_, err = open(t, p).Up(p.NS, "box", ips())
	require.NoError(t, err)
	for _, to := range outside {
		require.Error(t, call(behind, to))
	}
	for _, ip := range ips() {
		require.Eventually(t, func() bool { return call(node, netip.AddrPortFrom(ip, 8080)) == nil }, 30*time.Second, 50*time.Millisecond)
	}
}

// TestTheNodeIsAnsweredWhoseAddressIsStillTentative: as those of the first pod's link are, and routes do not name them yet.
func TestTheNodeIsAnsweredWhoseAddressIsStillTentative(t *testing.T) {
	p := kit.NewPod(t)
	app, node := kit.NewActor(t, kit.Identity{NS: p.NS}), kit.NewActor(t, kit.Identity{NS: p.Node})
	_, err := app.Listen(kit.Listen{Network: "tcp", At: netip.AddrPortFrom(netip.IPv6Unspecified(), 8080), Echo: "alive "})
	require.NoError(t, err)
	run(t, p.Node, "ip", "address", "del", kit.NodeV6().String()+"/64", "dev", "pod0")
	run(t, p.Node, "sysctl", "-qw", "net.ipv6.conf.pod0.accept_dad=1", "net.ipv6.conf.pod0.dad_transmits=3")
	run(t, p.Node, "ip", "address", "add", kit.NodeV6().String()+"/64", "dev", "pod0")
	_, err = open(t, p).Up(p.NS, "box", ips())
	require.NoError(t, err)
	require.Contains(t, run(t, p.Node, "ip", "-6", "address", "show", "tentative"), kit.NodeV6().String())
	require.Eventually(t, func() bool {
		_, err := node.Talk(kit.Talk{Dial: kit.Dial{Network: "tcp", To: netip.AddrPortFrom(kit.PodV6(), 8080), Timeout: time.Second}, Send: "ping"})
		return err == nil && !strings.Contains(run(t, p.Node, "ip", "-6", "address", "show", "tentative"), kit.NodeV6().String())
	}, time.Minute, 50*time.Millisecond)
}

// TestTheWallsOfAnEarlierAgent are known, repaired and taken down, and other tables are not touched.
func TestTheWallsOfAnEarlierAgent(t *testing.T) {
	p := kit.NewPod(t)
	run(t, p.Node, "nft", "add table netdev others; add chain netdev others c { type filter hook ingress device pod0 priority 0; }")
	before := run(t, p.Node, "nft", "list", "ruleset")
	_, err := open(t, p).Up(p.NS, "box", ips())
	require.NoError(t, err)
	wall := run(t, p.Node, "nft", "list", "ruleset")

	host := open(t, p)
	require.Equal(t, []string{"box"}, host.Standing())
	for _, change := range []string{"flush table netdev data-space-quarantine", "delete table inet data-space-quarantine", "delete table netdev data-space-quarantine",
		"add table netdev data-space-quarantine { flags dormant ; }", "add table inet data-space-quarantine { flags dormant ; }"} {
		_, err = host.Up(p.NS, "box", ips())
		require.NoError(t, err)
		require.Equal(t, lines(wall), lines(run(t, p.Node, "nft", "list", "ruleset")), change)
		run(t, p.Node, "nft", change)
		standing, err := host.Up(p.NS, "box", ips())
		require.NoError(t, err)
		require.True(t, standing.Repaired, change)
	}
	_, err = host.Up(p.NS, "other", ips())
	require.NoError(t, err)
	require.NoError(t, host.Down("box"))
	require.NotContains(t, run(t, p.Node, "nft", "list", "ruleset"), "box")
	require.Contains(t, run(t, p.Node, "nft", "list", "ruleset"), "other.")
	require.NoError(t, host.Down("never"))
	require.NoError(t, host.Down("other"))
	require.Equal(t, before, run(t, p.Node, "nft", "list", "ruleset"))
}

func TestSealLeavesNothingOfOursAndNothingOfThePodsGetsOut(t *testing.T) {
	p := kit.NewPod(t)
	_, err := open(t, p).Up(p.NS, "box", ips())
	require.NoError(t, err)
	require.NoError(t, open(t, p).Seal())
	require.Empty(t, strings.TrimSpace(run(t, p.Node, "nft", "list", "ruleset")))
	require.False(t, isUp(t, p.Node, "pod0"))
}

// lines is without an order: a table that is made again comes last.
func lines(text string) map[string]int {
	out := map[string]int{}
	for line := range strings.Lines(text) {
		out[line]++
	}
	return out
}

package kit

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// Addresses of every Pod are from documentation ranges (RFC 5737, RFC 3849).

// PodV4 is the pod's.
func PodV4() netip.Addr { return netip.MustParseAddr("203.0.113.2") }

// PodV6 is the pod's.
func PodV6() netip.Addr { return netip.MustParseAddr("2001:db8::2") }

// NodeV4 is the node's.
func NodeV4() netip.Addr { return netip.MustParseAddr("203.0.113.1") }

// NodeV6 is the node's.
func NodeV6() netip.Addr { return netip.MustParseAddr("2001:db8::1") }

// FarV4 is on the node as well, but the pod reaches it through a router.
func FarV4() netip.Addr { return netip.MustParseAddr("198.51.100.10") }

// FarV6 is FarV4's like.
func FarV6() netip.Addr { return netip.MustParseAddr("2001:db8:1::10") }

// BehindV4 is in the namespace that Behind makes, and so is the next one.
func BehindV4() netip.Addr { return netip.MustParseAddr("198.51.100.130") }

// BehindV6 is BehindV4's like.
func BehindV6() netip.Addr { return netip.MustParseAddr("2001:db8:2::2") }

// Pod is a pod's network namespace, joined by a veth to a node's.
type Pod struct {
	NS   *netns.Namespace // holds eth0 and lo
	Node *netns.Namespace // holds the other end, pod0, and stands for the rest of the world
}

// NewPod makes a dual-stack pod and its node.
func NewPod(tb testing.TB) Pod {
	tb.Helper()
	p := Pod{NS: NewNamespace(tb), Node: NewNamespace(tb)}
	var pod int
	in(tb, p.NS, func() { pod = threadNamespace(tb) })
	defer unix.Close(pod)
	in(tb, p.Node, func() {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "pod0", MTU: 1500}, PeerName: "eth0", PeerNamespace: netlink.NsFd(pod)}
		require.NoError(tb, netlink.LinkAdd(veth))
		address(tb, "pod0", NodeV4(), 24)
		address(tb, "pod0", NodeV6(), 64)
		address(tb, "lo", FarV4(), 32)
		address(tb, "lo", FarV6(), 128)
		up(tb, "pod0")
		up(tb, "lo")
	})
	in(tb, p.NS, func() {
		address(tb, "eth0", PodV4(), 24)
		address(tb, "eth0", PodV6(), 64)
		up(tb, "lo")
		up(tb, "eth0")
		defaultRoute(tb, NodeV4())
		defaultRoute(tb, NodeV6())
		Sysctl(tb, "net/ipv4/ping_group_range", "0 2147483647")
	})
	AwaitCarrier(tb, p.Node, "pod0")
	AwaitCarrier(tb, p.NS, "eth0")
	return p
}

// Behind makes a namespace that is reached through the node, which has only packets of the given size pass towards it: it
// answers longer ones by "fragmentation needed" or "packet too big".
func (p Pod) Behind(tb testing.TB, mtu int) *netns.Namespace {
	tb.Helper()
	behind := NewNamespace(tb)
	var fd int
	in(tb, behind, func() { fd = threadNamespace(tb) })
	defer unix.Close(fd)
	gateway4, gateway6 := netip.MustParseAddr("198.51.100.129"), netip.MustParseAddr("2001:db8:2::1")
	in(tb, p.Node, func() {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "narrow", MTU: mtu}, PeerName: "eth0", PeerNamespace: netlink.NsFd(fd), PeerMTU: 1500}
		require.NoError(tb, netlink.LinkAdd(veth))
		address(tb, "narrow", gateway4, 29)
		address(tb, "narrow", gateway6, 64)
		up(tb, "narrow")
		Sysctl(tb, "net/ipv4/ip_forward", "1")
		Sysctl(tb, "net/ipv6/conf/all/forwarding", "1")
	})
	in(tb, behind, func() {
		for _, a := range []netip.Addr{BehindV4(), BehindV4().Next()} {
			address(tb, "eth0", a, 29)
		}
		for _, a := range []netip.Addr{BehindV6(), BehindV6().Next()} {
			address(tb, "eth0", a, 64)
		}
		up(tb, "lo")
		up(tb, "eth0")
		defaultRoute(tb, gateway4)
		defaultRoute(tb, gateway6)
	})
	AwaitCarrier(tb, p.Node, "narrow")
	AwaitCarrier(tb, behind, "eth0")
	return behind
}

// FlushNeighbours makes both ends forget each other's link addresses.
func (p Pod) FlushNeighbours(tb testing.TB) {
	tb.Helper()
	for ns, name := range map[*netns.Namespace]string{p.NS: "eth0", p.Node: "pod0"} {
		in(tb, ns, func() {
			link, err := netlink.LinkByName(name)
			require.NoError(tb, err)
			for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
				known, err := netlink.NeighList(link.Attrs().Index, family)
				require.NoError(tb, err)
				for _, n := range known {
					_ = netlink.NeighDel(&n) // one that cannot be deleted, as multicast ones, does no harm
				}
			}
		})
	}
}

// NewNamespace makes an empty network namespace.
func NewNamespace(tb testing.TB) *netns.Namespace {
	tb.Helper()
	requireRoot(tb)
	ns, err := netns.Scratch()
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, ns.Close()) })
	in(tb, ns, func() { Sysctl(tb, "net/ipv6/conf/default/dad_transmits", "0") }) // link-local addresses, too
	return ns
}

// in runs f inside; f may end the test.
func in(tb testing.TB, ns *netns.Namespace, f func()) {
	tb.Helper()
	require.NoError(tb, ns.Do(func() error { f(); return nil }))
	if tb.Failed() {
		tb.FailNow()
	}
}

// Sysctl sets a kernel parameter of the calling thread's network namespace.
func Sysctl(tb testing.TB, name, value string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile("/proc/sys/"+name, []byte(value), 0o644))
}

func threadNamespace(tb testing.TB) int {
	tb.Helper()
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(tb, err)
	return fd
}

func address(tb testing.TB, link string, addr netip.Addr, bits int) {
	tb.Helper()
	l, err := netlink.LinkByName(link)
	require.NoError(tb, err)
	a := &netlink.Addr{IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(bits, addr.BitLen())}}
	if addr.Is6() {
		a.Flags = unix.IFA_F_NODAD // usable at once
	}
	require.NoError(tb, netlink.AddrAdd(l, a))
}

func up(tb testing.TB, link string) {
	tb.Helper()
	l, err := netlink.LinkByName(link)
	require.NoError(tb, err)
	require.NoError(tb, netlink.LinkSetUp(l))
}

func defaultRoute(tb testing.TB, gateway netip.Addr) {
	tb.Helper()
	l, err := netlink.LinkByName("eth0")
	require.NoError(tb, err)
	require.NoError(tb, netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: gateway.AsSlice()}))
}

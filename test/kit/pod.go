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

// Addresses of every Pod, from documentation ranges (RFC 5737, RFC 3849).
var (
	PodV4  = netip.MustParseAddr("203.0.113.2")
	PodV6  = netip.MustParseAddr("2001:db8::2")
	NodeV4 = netip.MustParseAddr("203.0.113.1")
	NodeV6 = netip.MustParseAddr("2001:db8::1")
	// FarV4 and FarV6 are on the node as well, but the pod reaches them through a router.
	FarV4 = netip.MustParseAddr("198.51.100.10")
	FarV6 = netip.MustParseAddr("2001:db8:1::10")
	// BehindV4 and BehindV6 are in the namespace that Behind makes, and so are the next ones.
	BehindV4 = netip.MustParseAddr("198.51.100.130")
	BehindV6 = netip.MustParseAddr("2001:db8:2::2")
)

// Pod is a pod's network namespace, joined by a veth to a node's.
type Pod struct {
	NS   *netns.Namespace // holds eth0 and lo
	Node *netns.Namespace // holds the other end, pod0, and stands for the rest of the world
}

// NewPod makes a dual-stack pod and its node.
func NewPod(t testing.TB) Pod {
	t.Helper()
	p := Pod{NS: NewNamespace(t), Node: NewNamespace(t)}
	var pod int
	in(t, p.NS, func() { pod = threadNamespace(t) })
	defer unix.Close(pod) //nolint:errcheck // read-only file
	in(t, p.Node, func() {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "pod0", MTU: 1500}, PeerName: "eth0", PeerNamespace: netlink.NsFd(pod)}
		require.NoError(t, netlink.LinkAdd(veth))
		address(t, "pod0", NodeV4, 24)
		address(t, "pod0", NodeV6, 64)
		address(t, "lo", FarV4, 32)
		address(t, "lo", FarV6, 128)
		up(t, "pod0")
		up(t, "lo")
	})
	in(t, p.NS, func() {
		address(t, "eth0", PodV4, 24)
		address(t, "eth0", PodV6, 64)
		up(t, "lo")
		up(t, "eth0")
		defaultRoute(t, NodeV4)
		defaultRoute(t, NodeV6)
		Sysctl(t, "net/ipv4/ping_group_range", "0 2147483647")
	})
	return p
}

// Behind makes a namespace that is reached through the node, which has only packets of the given size pass towards it: it
// answers longer ones by "fragmentation needed" or "packet too big".
func (p Pod) Behind(t testing.TB, mtu int) *netns.Namespace {
	t.Helper()
	behind := NewNamespace(t)
	var fd int
	in(t, behind, func() { fd = threadNamespace(t) })
	defer unix.Close(fd) //nolint:errcheck // read-only file
	gateway4, gateway6 := netip.MustParseAddr("198.51.100.129"), netip.MustParseAddr("2001:db8:2::1")
	in(t, p.Node, func() {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "narrow", MTU: mtu}, PeerName: "eth0", PeerNamespace: netlink.NsFd(fd), PeerMTU: 1500}
		require.NoError(t, netlink.LinkAdd(veth))
		address(t, "narrow", gateway4, 29)
		address(t, "narrow", gateway6, 64)
		up(t, "narrow")
		Sysctl(t, "net/ipv4/ip_forward", "1")
		Sysctl(t, "net/ipv6/conf/all/forwarding", "1")
	})
	in(t, behind, func() {
		for _, a := range []netip.Addr{BehindV4, BehindV4.Next()} {
			address(t, "eth0", a, 29)
		}
		for _, a := range []netip.Addr{BehindV6, BehindV6.Next()} {
			address(t, "eth0", a, 64)
		}
		up(t, "lo")
		up(t, "eth0")
		defaultRoute(t, gateway4)
		defaultRoute(t, gateway6)
	})
	return behind
}

// FlushNeighbours makes both ends forget each other's link addresses.
func (p Pod) FlushNeighbours(t testing.TB) {
	t.Helper()
	for ns, name := range map[*netns.Namespace]string{p.NS: "eth0", p.Node: "pod0"} {
		in(t, ns, func() {
			link, err := netlink.LinkByName(name)
			require.NoError(t, err)
			for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
				known, err := netlink.NeighList(link.Attrs().Index, family)
				require.NoError(t, err)
				for _, n := range known {
					_ = netlink.NeighDel(&n) // one that cannot be deleted, as multicast ones, does no harm
				}
			}
		})
	}
}

// NewNamespace makes an empty network namespace.
func NewNamespace(t testing.TB) *netns.Namespace {
	t.Helper()
	requireRoot(t)
	ns, err := netns.Scratch()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	in(t, ns, func() { Sysctl(t, "net/ipv6/conf/default/dad_transmits", "0") }) // link-local addresses, too
	return ns
}

// in runs f inside; f may end the test.
func in(t testing.TB, ns *netns.Namespace, f func()) {
	t.Helper()
	require.NoError(t, ns.Do(func() error { f(); return nil }))
	if t.Failed() {
		t.FailNow()
	}
}

// Sysctl sets a kernel parameter of the calling thread's network namespace.
func Sysctl(t testing.TB, name, value string) {
	t.Helper()
	require.NoError(t, os.WriteFile("/proc/sys/"+name, []byte(value), 0o644)) //nolint:gosec // as the kernel has it
}

func threadNamespace(t testing.TB) int {
	t.Helper()
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	return fd
}

func address(t testing.TB, link string, addr netip.Addr, bits int) {
	t.Helper()
	l, err := netlink.LinkByName(link)
	require.NoError(t, err)
	a := &netlink.Addr{IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(bits, addr.BitLen())}}
	if addr.Is6() {
		a.Flags = unix.IFA_F_NODAD // usable at once
	}
	require.NoError(t, netlink.AddrAdd(l, a))
}

func up(t testing.TB, link string) {
	t.Helper()
	l, err := netlink.LinkByName(link)
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(l))
}

func defaultRoute(t testing.TB, gateway netip.Addr) {
	t.Helper()
	l, err := netlink.LinkByName("eth0")
	require.NoError(t, err)
	require.NoError(t, netlink.RouteAdd(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: gateway.AsSlice()}))
}

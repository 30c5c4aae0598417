//go:build kernel

package netpol

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/test/kit"
	"data-space.liqo.io/test/netpol/worlds"
)

// node is a network namespace that plays a Kubernetes node, with wires to everything around it: one for each local
// pod, and one for the rest of the world. What is at the other end of a wire answers nothing: packets are sent and
// counted raw.
type node struct {
	t      testing.TB
	ns     *netns.Namespace
	around *netns.Namespace
	wires  []*wire // local pods, by slot; the last is the rest of the world
}

// wire is the far end of a pair of interfaces.
type wire struct {
	socket int
	index  int
	gate   net.HardwareAddr // the node's end
}

var nodeAddresses = []netip.Addr{netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:2::1")}

func newNode(tb testing.TB) *node {
	tb.Helper()
	n := &node{t: tb, ns: scratch(tb), around: scratch(tb)}
	n.sysctl("net/ipv4/ip_forward", "1")
	n.sysctl("net/ipv6/conf/all/forwarding", "1")
	n.sysctl("net/ipv6/conf/default/accept_dad", "0")
	require.NoError(tb, n.ns.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		for _, a := range nodeAddresses {
			if err := netlink.AddrAdd(lo, &netlink.Addr{IPNet: ipNet(a), Flags: unix.IFA_F_NODAD}); err != nil {
				return err
			}
		}
		return netlink.LinkSetUp(lo)
	}))
	for slot := range worlds.LocalSlots {
		n.wires = append(n.wires, n.wire(fmt.Sprintf("pod%d", slot), worlds.Address4(slot), worlds.Address6(slot)))
	}
	var others []netip.Addr
	for slot := worlds.LocalSlots; slot < worlds.LocalSlots+worlds.RemoteSlots+8; slot++ {
		others = append(others, worlds.Address4(slot), worlds.Address6(slot))
	}
	n.wires = append(n.wires, n.wire("world", others...))
	return n
}

func scratch(tb testing.TB) *netns.Namespace {
	tb.Helper()
	ns, err := netns.Scratch()
	require.NoError(tb, err)
	tb.Cleanup(func() { ns.Close() })
	return ns
}

func ipNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}

func (n *node) sysctl(name, value string) {
	n.t.Helper()
	require.NoError(n.t, n.ns.Do(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0o644) }))
}

// wire makes a pair of interfaces and leads the addresses to its far end, with no need to ask for neighbours.
func (n *node) wire(name string, addresses ...netip.Addr) *wire {
	n.t.Helper()
	var fd int
	require.NoError(n.t, n.around.Do(func() (err error) {
		fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	}))
	defer unix.Close(fd)
	w := &wire{}
	far := hardware(name, 2)
	require.NoError(n.t, n.ns.Do(func() error {
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, HardwareAddr: hardware(name, 1)}, PeerName: name + "x", PeerHardwareAddr: far, PeerNamespace: netlink.NsFd(fd)}
		if err := netlink.LinkAdd(pair); err != nil {
			return err
		}
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		w.gate = link.Attrs().HardwareAddr
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
		for _, a := range addresses {
			if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(a), Scope: netlink.SCOPE_LINK}); err != nil {
				return fmt.Errorf("route %s: %w", a, err)
			}
			neighbour := &netlink.Neigh{LinkIndex: link.Attrs().Index, IP: a.AsSlice(), HardwareAddr: far, State: netlink.NUD_PERMANENT}
			if err := netlink.NeighAdd(neighbour); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(n.t, n.around.Do(func() error { return w.open(name + "x") }))
	kit.AwaitCarrier(n.t, n.ns, name)
	kit.AwaitCarrier(n.t, n.around, name+"x")
	n.t.Cleanup(func() { unix.Close(w.socket) })
	return w
}

func hardware(name string, end byte) net.HardwareAddr {
	sum := byte(0)
	for i := range len(name) {
		sum = sum*31 + name[i]
	}
	return net.HardwareAddr{0x02, 0, 0, 0, sum, end}
}

func (w *wire) open(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	w.index = link.Attrs().Index
	w.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(swap(unix.ETH_P_ALL)))
	if err != nil {
		return err
	}
	if err := unix.SetsockoptInt(w.socket, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
		return err
	}
	return unix.Bind(w.socket, &unix.SockaddrLinklayer{Protocol: swap(unix.ETH_P_ALL), Ifindex: w.index})
}

func swap(n uint16) uint16 { return n<<8 | n>>8 }

// send puts an IP packet on the wire, towards the node.
func (w *wire) send(packet []byte) error {
	to := &unix.SockaddrLinklayer{Protocol: swap(unix.ETH_P_IP), Ifindex: w.index, Halen: 6}
	if packet[0]>>4 == 6 {
		to.Protocol = swap(unix.ETH_P_IPV6)
	}
	copy(to.Addr[:], w.gate)
	return unix.Sendto(w.socket, packet, 0, to)
}

// receive returns the next packet that the node sent, or nil.
func (w *wire) receive(buffer []byte) []byte {
	for {
		n, from, err := unix.Recvfrom(w.socket, buffer, 0)
		if err != nil {
			return nil
		}
		if l, ok := from.(*unix.SockaddrLinklayer); ok && l.Pkttype != unix.PACKET_OUTGOING {
			return buffer[:n]
		}
	}
}

// wireOf is the wire that the address is behind.
func (n *node) wireOf(a netip.Addr) *wire {
	bytes := a.AsSlice()
	slot := int(bytes[len(bytes)-1]) - 10
	if slot < 0 || slot >= worlds.LocalSlots {
		return n.wires[worlds.LocalSlots]
	}
	return n.wires[slot]
}

// forget empties the node's conntrack table.
func (n *node) forget() {
	n.t.Helper()
	require.NoError(n.t, n.ns.Do(func() error { return netlink.ConntrackTableFlush(netlink.ConntrackTable) }))
}

// probe is one packet and whether it should, and did, arrive.
type probe struct {
	flow flow
	want bool
	got  bool
}

// send sends all probes, waits until those that should arrive have, and a little for those that should not.
func (n *node) send(probes []*probe) {
	n.t.Helper()
	byFlow := make(map[flow]*probe, len(probes))
	missing := 0
	for _, p := range probes {
		byFlow[p.flow] = p
		if p.want {
			missing++
		}
		require.NoError(n.t, n.wireOf(p.flow.from).send(p.flow.packet()))
	}
	buffer := make([]byte, 2048)
	collect := func() {
		for _, w := range n.wires {
			for packet := w.receive(buffer); packet != nil; packet = w.receive(buffer) {
				f, ok := parse(packet)
				if p := byFlow[f]; ok && p != nil && !p.got {
					p.got = true
					if p.want {
						missing--
					}
				}
			}
		}
	}
	for deadline := time.Now().Add(10 * time.Second); missing > 0 && time.Now().Before(deadline); {
		collect()
		if missing > 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
	time.Sleep(time.Millisecond)
	collect()
}

package kit

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Capture sees every frame between a pod and its node. The kernel keeps them until they are taken.
type Capture struct {
	t  testing.TB
	fd int
}

// buffer is how much the kernel keeps: tests take before it is full, or fail.
const buffer = 128 << 20

// settle is how long packets may take that are still under way when a test looks: a hand-over to another CPU.
const settle = 20 * time.Millisecond

// Capture begins to capture on the node's end of the veth.
func (p Pod) Capture(tb testing.TB) *Capture {
	tb.Helper()
	c := &Capture{t: tb}
	in(tb, p.Node, func() {
		link, err := netlink.LinkByName("pod0")
		require.NoError(tb, err)
		c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		require.NoError(tb, err)
		require.NoError(tb, unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer))
		all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
		require.NoError(tb, unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Attrs().Index}))
	})
	tb.Cleanup(func() { _ = unix.Close(c.fd) })
	return c
}

// Take returns what was seen since the last call. It fails the test if the kernel had to drop any of it.
func (c *Capture) Take() []Packet {
	c.t.Helper()
	time.Sleep(settle)
	var packets []Packet
	frame := make([]byte, 1<<16)
	for {
		n, from, err := unix.Recvfrom(c.fd, frame, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		require.NoError(c.t, err)
		p := decode(frame[:n])
		link, ok := from.(*unix.SockaddrLinklayer)
		p.Out = ok && link.Pkttype != unix.PACKET_OUTGOING
		packets = append(packets, p)
	}
	stats, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	require.NoError(c.t, err)
	require.Zero(c.t, stats.Drops, "the capture lost packets and proves nothing")
	return packets
}

// Left returns what the pod sent since the last call, but for the discovery of neighbours (ARP, and its like in IPv6).
func (c *Capture) Left() []Packet {
	c.t.Helper()
	return slices.DeleteFunc(c.Take(), func(p Packet) bool { return !p.Out || p.Protocol == "arp" || p.Discovery() })
}

package podcapture

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// A Capture watches one pod. Run it once, then read Packets and Owners; it is not safe for concurrent use.
type Capture struct {
	Interface string // the node's end of the pod's veth
	Packets   []Packet
	Owners    Owners
	wire      int
	diag      *diag
}

// Open begins to capture on the node's end of the pod's eth0: frames are kept by the kernel from now on. The sockets
// are those of the pod's namespace. Needs CAP_NET_RAW in node and CAP_SYS_ADMIN.
func Open(node, pod *netns.Namespace, ingress []uint16) (*Capture, error) {
	capture := &Capture{Owners: Owners{Ingress: ingress}, wire: -1}
	peer := 0
	err := pod.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return fmt.Errorf("the pod's eth0: %w", err)
		}
		peer = link.Attrs().ParentIndex
		if capture.diag, err = openDiag(); err != nil {
			return err
		}
		return capture.look(unix.IPPROTO_TCP, unix.IPPROTO_UDP)
	})
	if err != nil {
		return nil, errors.Join(err, capture.Close())
	}
	err = node.Do(func() error {
		link, err := netlink.LinkByIndex(peer)
		if err != nil {
			return fmt.Errorf("the node's end of the pod's eth0 (interface %d): %w", peer, err)
		}
		capture.Interface = link.Attrs().Name
		capture.wire, err = openWire(peer)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, capture.Close())
	}
	return capture, nil
}

// openWire opens a packet(7) socket on one interface of the calling thread's network namespace.
func openWire(index int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open a packet socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	wait := unix.NsecToTimeval(int64(50 * time.Millisecond))
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: network(unix.ETH_P_ALL), Ifindex: index}),
	)
	if err != nil {
		return -1, errors.Join(fmt.Errorf("bind a packet socket to interface %d: %w", index, err), unix.Close(fd))
	}
	return fd, nil
}

// Close ends the capture.
func (c *Capture) Close() error {
	failed := error(nil)
	if c.wire >= 0 {
		failed = unix.Close(c.wire)
	}
	if c.diag != nil {
		failed = errors.Join(failed, c.diag.Close())
	}
	return failed
}

// Run reads frames until ctx ends. Whenever a datagram leaves the pod, or a segment whose flow has no known socket yet, it
// asks the kernel at once whose it is: a connection lives longer than the microseconds that this takes. It fails if the
// kernel had to drop frames, since then nothing is proven.
func (c *Capture) Run(ctx context.Context) error {
	defer ahead()()
	frame := make([]byte, 512)
	for ctx.Err() == nil {
		n, from, err := unix.Recvfrom(c.wire, frame, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("capture on %s: %w", c.Interface, err)
		}
		packet, err := Parse(frame[:n])
		packet.Short = err != nil
		link, isLink := from.(*unix.SockaddrLinklayer)
		packet.Out = isLink && link.Pkttype != unix.PACKET_OUTGOING
		if packet.Out {
			if packet.Senders, err = c.ask(packet); err != nil {
				return err
			}
		}
		c.Packets = append(c.Packets, packet)
	}
	stats, err := unix.GetsockoptTpacketStats(c.wire, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return fmt.Errorf("ask what the capture missed: %w", err)
	}
	if stats.Drops > 0 {
		return fmt.Errorf("the capture on %s missed %d frames: it proves nothing, run it again", c.Interface, stats.Drops)
	}
	return c.look(unix.IPPROTO_TCP, unix.IPPROTO_UDP)
}

// ahead lets the calling goroutine's thread run as soon as there is something to do, busy as the machine may be. Where
// that is not allowed, it only raises the chance that a short connection is missed and fails the judgement.
func ahead() (undo func()) {
	runtime.LockOSThread()
	set := func(policy, priority uint32) {
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy, Priority: priority}, 0)
	}
	set(unix.SCHED_FIFO, 1)
	return func() {
		set(unix.SCHED_NORMAL, 0)
		runtime.UnlockOSThread()
	}
}

// ask adds the sockets that can have sent the packet. It returns the owners of those that have a datagram's port now.
func (c *Capture) ask(packet Packet) ([]Owner, error) {
	switch packet.Protocol {
	case unix.IPPROTO_TCP:
		return nil, c.askConnection(packet)
	case unix.IPPROTO_UDP:
		return c.askPort(packet.Src.Port())
	default:
		return nil, nil
	}
}

func (c *Capture) askConnection(packet Packet) error {
	if packet.Flags&(flagSYN|flagACK) == flagSYN {
		c.Owners.begin(packet)
	}
	if len(c.Owners.Of(packet)) > 0 {
		return nil
	}
	for _, port := range append([]uint16{packet.Src.Port()}, c.Owners.Ingress...) {
		socket, found, err := c.diag.find(netip.AddrPortFrom(packet.Src.Addr(), port), packet.Dst)
		if err != nil {
			return err
		}
		if found {
			c.Owners.Add(socket)
		}
	}
	return nil
}

func (c *Capture) askPort(port uint16) ([]Owner, error) {
	sockets, err := c.diag.sockets(unix.IPPROTO_UDP)
	if err != nil {
		return nil, err
	}
	var owners []Owner
	for _, socket := range sockets {
		c.Owners.Add(socket)
		if socket.Local.Port() == port && !slices.Contains(owners, socket.Owner) {
			owners = append(owners, socket.Owner)
		}
	}
	return owners, nil
}

// look adds all sockets of the protocols to the known owners. For TCP that takes milliseconds.
func (c *Capture) look(protocols ...uint8) error {
	sockets, err := c.diag.sockets(protocols...)
	if err != nil {
		return err
	}
	for _, socket := range sockets {
		c.Owners.Add(socket)
	}
	return nil
}

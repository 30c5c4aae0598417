package podcapture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// Activity notes when a pod last sent a packet. It is safe for concurrent use.
type Activity struct {
	wire int

	mu    sync.Mutex
	last  time.Time
	count int
}

// OpenActivity begins to note what leaves the pod, on the node's end of its eth0. ARP and neighbour discovery do not count.
func OpenActivity(node, pod *netns.Namespace) (*Activity, error) {
	peer := 0
	err := pod.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err == nil {
			peer = link.Attrs().ParentIndex
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the pod's eth0: %w", err)
	}
	a := &Activity{}
	return a, node.Do(func() (err error) {
		a.wire, err = openWire(peer)
		return err
	})
}

// Run reads until ctx ends, and closes the capture.
func (a *Activity) Run(ctx context.Context) error {
	defer unix.Close(a.wire)
	frame := make([]byte, 512)
	for ctx.Err() == nil {
		n, from, err := unix.Recvfrom(a.wire, frame, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("capture: %w", err)
		}
		link, isLink := from.(*unix.SockaddrLinklayer)
		packet, _ := Parse(frame[:n]) // a short packet counts
		discovery := packet.Protocol == unix.IPPROTO_ICMPV6 && (packet.ICMP == ndSolicitation || packet.ICMP == ndAdvertisement)
		if !isLink || link.Pkttype == unix.PACKET_OUTGOING || packet.Ether == etherARP || discovery {
			continue
		}
		a.mu.Lock()
		a.last, a.count = time.Now(), a.count+1
		a.mu.Unlock()
	}
	return nil
}

// Sent returns how many packets have left the pod, and when the last one did.
func (a *Activity) Sent() (int, time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count, a.last
}

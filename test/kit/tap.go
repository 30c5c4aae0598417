package kit

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// Tap sees every frame that enters a network namespace by any interface but loopback, from the interface's first moment
// on: it is there before the interfaces are.
type Tap struct {
	t     testing.TB
	fd    int
	stop  chan struct{}
	done  sync.WaitGroup
	queue string // what the kernel's queues had dropped before
}

// NewTap hands each frame to see, in the order in which they came, until it is stopped.
func NewTap(tb testing.TB, ns *netns.Namespace, see func(link int, p Packet)) *Tap {
	tb.Helper()
	tap := &Tap{t: tb, stop: make(chan struct{}), queue: queueDrops(tb)}
	in(tb, ns, func() {
		var err error
		tap.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		require.NoError(tb, err)
		require.NoError(tb, unix.SetsockoptInt(tap.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer))
		require.NoError(tb, unix.SetsockoptTimeval(tap.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: settle.Microseconds()}))
		all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
		require.NoError(tb, unix.Bind(tap.fd, &unix.SockaddrLinklayer{Protocol: all}))
	})
	tap.done.Go(func() { tap.read(see) })
	return tap
}

func (tap *Tap) read(see func(link int, p Packet)) {
	frame := make([]byte, 1<<16)
	for {
		n, from, err := unix.Recvfrom(tap.fd, frame, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			select {
			case <-tap.stop:
				return
			default:
			}
		case err != nil:
			tap.t.Errorf("the tap ended early: %v", err)
			return
		default:
			link, ok := from.(*unix.SockaddrLinklayer)
			if ok && link.Pkttype != unix.PACKET_OUTGOING && link.Hatype != unix.ARPHRD_LOOPBACK {
				p := decode(frame[:n])
				p.Out = true
				see(link.Ifindex, p)
			}
		}
	}
}

// Stop ends the capture once all that came has been seen. It fails the test if the kernel dropped a frame on the way.
func (tap *Tap) Stop() {
	tap.t.Helper()
	close(tap.stop)
	tap.done.Wait()
	stats, err := unix.GetsockoptTpacketStats(tap.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	require.NoError(tap.t, err)
	require.NoError(tap.t, unix.Close(tap.fd))
	require.Zero(tap.t, stats.Drops, "the capture lost frames and proves nothing")
	require.Equal(tap.t, tap.queue, queueDrops(tap.t), "the kernel dropped frames between two ends of a veth, unseen")
}

// queueDrops is how many frames each CPU dropped because too many waited for it.
func queueDrops(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile("/proc/net/softnet_stat")
	require.NoError(tb, err)
	var drops []string
	for line := range strings.Lines(string(text)) {
		drops = append(drops, strings.Fields(line)[1])
	}
	return strings.Join(drops, " ")
}

package kit

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// SendFrame sends a frame from a link of a network namespace by AF_PACKET. frame makes it with the link's own address. The error is the
// kernel's answer: a filter on the link drops a frame while it is sent (ENOBUFS, EPERM).
func SendFrame(tb testing.TB, ns *netns.Namespace, link string, frame func(own net.HardwareAddr) []byte) error {
	tb.Helper()
	var answer error
	require.NoError(tb, ns.Do(func() error {
		from, err := netlink.LinkByName(link)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		answer = unix.Sendto(fd, frame(from.Attrs().HardwareAddr), 0, &unix.SockaddrLinklayer{Ifindex: from.Attrs().Index, Halen: 6})
		return nil
	}))
	return answer
}

package podcapture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// frameWait is how long a frame that was sent may take to the node's end of its link.
const frameWait = 200 * time.Millisecond

// Arrives reports whether a frame of this EtherType, sent from the pod's eth0, is received on the node. Root of the node puts
// the frame on the link; it stands for the kernel's own protocols (PPPoE and others) that a process without any capability
// can have send one where the node has the module. The receiver is behind the node's filters, as a bridge or a protocol is.
func Arrives(node, pod *netns.Namespace, kind uint16) (bool, error) {
	var local netlink.Link
	err := pod.Do(func() (err error) {
		local, err = netlink.LinkByName("eth0")
		return err
	})
	if err != nil {
		return false, fmt.Errorf("the pod's eth0: %w", err)
	}
	var remote net.HardwareAddr
	receiver := -1
	err = node.Do(func() error {
		link, err := netlink.LinkByIndex(local.Attrs().ParentIndex)
		if err != nil {
			return fmt.Errorf("the node's end of the pod's eth0: %w", err)
		}
		remote = link.Attrs().HardwareAddr
		receiver, err = openFrames(kind, link.Attrs().Index)
		return err
	})
	if err != nil {
		return false, err
	}
	defer unix.Close(receiver)
	payload := []byte("a frame of the demo, long enough to be a whole frame on any link")
	frame := bytes.Join([][]byte{remote, local.Attrs().HardwareAddr, binary.BigEndian.AppendUint16(nil, kind), payload}, nil)
	if err := pod.Do(func() error { return send(local.Attrs().Index, frame) }); err != nil {
		return false, err
	}
	return received(receiver, payload)
}

// openFrames receives frames of one type on one interface. A socket for all types would see them before any filter does.
func openFrames(kind uint16, index int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open a packet socket: %w", err)
	}
	wait := unix.NsecToTimeval(int64(frameWait))
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: network(kind), Ifindex: index}),
	)
	if err != nil {
		return -1, errors.Join(fmt.Errorf("bind a packet socket to interface %d: %w", index, err), unix.Close(fd))
	}
	return fd, nil
}

func network(kind uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, kind))
}

// send puts a frame on an interface. A filter that drops it on the way out is no failure.
func send(index int, frame []byte) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a packet socket: %w", err)
	}
	defer unix.Close(fd)
	err = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: index, Halen: 6})
	if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("send a frame: %w", err)
	}
	return nil
}

func received(fd int, payload []byte) (bool, error) {
	buffer := make([]byte, 2048)
	for {
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("receive a frame: %w", err)
		case bytes.Contains(buffer[:n], payload):
			return true, nil
		}
	}
}

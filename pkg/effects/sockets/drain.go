package sockets

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	stateClosed = 7 // TCP_CLOSE, of linux/tcp_states.h
	// waitingDatagrams is how many bytes a UDP socket may hold.
	waitingDatagrams = 16 << 10
	// dropsAtOnce bounds the datagrams of one socket that are dropped: others come meanwhile.
	dropsAtOnce = 4096
)

// Drain drops what the process' sockets have received, unread, and what no list of HeldBy has: that of TCP connections which have ended, by
// Reset or by their peers, and UDP's, beyond a little of each socket. It is for a process that waits for memory: it would not close or
// read them. Who reads from such a connection gets an error and never an early end.
func Drain(o Owner) error {
	pidfd, err := unix.PidfdOpen(o.PID, 0)
	if err != nil {
		return describe(o, "pidfd_open", err)
	}
	defer unix.Close(pidfd)
	if err := o.check(); err != nil {
		return err
	}
	fds, err := descriptorsOf(o.PID)
	if err != nil {
		return describe(o, "list its files", err)
	}
	for _, fd := range fds {
		if err := withCopy(pidfd, fd, drain); err != nil {
			return describe(o, fmt.Sprintf("drain its socket %d", fd), err)
		}
	}
	return nil
}

// drain drops what a socket has received that no client or server waits for any more: it is closed on the network, or holds datagrams.
func drain(socket int) error {
	protocol, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	if err != nil || received(socket) == 0 {
		return nil //nolint:nilerr // it is no socket any more, or holds nothing
	}
	switch protocol {
	case unix.IPPROTO_TCP:
		if state, err := unix.GetsockoptTCPInfo(socket, unix.IPPROTO_TCP, unix.TCP_INFO); err != nil || state.State != stateClosed {
			return nil //nolint:nilerr // it is alive
		}
		return disconnect(socket)
	case unix.IPPROTO_UDP:
		dropDatagrams(socket)
	}
	return nil
}

// received returns how many bytes the kernel holds for what a socket has received.
func received(socket int) int {
	first, err := unix.GetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_MEMINFO) // of those that linux/sock_diag.h names; the kernel writes as many as have room
	if err != nil {
		return 0
	}
	return first
}

// disconnect drops what a connection has received that has ended (connect(2), AF_UNSPEC).
func disconnect(socket int) error {
	nowhere := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, failed := unix.Syscall(unix.SYS_CONNECT, uintptr(socket), uintptr(unsafe.Pointer(&nowhere)), unsafe.Sizeof(nowhere)) //nolint:gosec // the call wants a pointer
	if failed != 0 {
		return failed
	}
	return nil
}

func dropDatagrams(socket int) {
	for range dropsAtOnce {
		if received(socket) <= waitingDatagrams {
			return
		}
		if _, _, failed := unix.Syscall6(unix.SYS_RECVFROM, uintptr(socket), 0, 0, unix.MSG_DONTWAIT, 0, 0); failed != 0 {
			return
		}
	}
}

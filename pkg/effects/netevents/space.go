package netevents

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Of one namespace: reports at once, and how long each further one takes. What happens meanwhile is in the next report.
	burst = 4
	every = time.Second
	// most is how many messages are discarded at once. More are behind the next event.
	most = 64
)

// room is the size that each socket's buffer is asked to have. A message that finds no room is an event as well.
const room = 8 << 10

// listen opens the sockets in the calling thread's network namespace.
func (s *space) listen() error {
	for _, group := range []struct {
		protocol int
		groups   uint32
	}{
		{unix.NETLINK_NETFILTER, 1 << (unix.NFNLGRP_NFTABLES - 1)},
		{unix.NETLINK_ROUTE, unix.RTMGRP_LINK | unix.RTMGRP_TC},
	} {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, group.protocol)
		if group.protocol == unix.NETLINK_NETFILTER && errors.Is(err, unix.EPROTONOSUPPORT) {
			continue // a kernel without nf_tables: the rounds see what changes
		}
		if err != nil {
			return err
		}
		s.sockets = append(s.sockets, fd)
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room); err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: group.groups}); err != nil {
			return err
		}
	}
	return nil
}

func (s *space) close() {
	for _, fd := range s.sockets {
		_ = unix.Close(fd) // nothing was written
	}
}

// take takes a report, if one is left.
func (s *space) take(now time.Time) bool {
	s.left = min(burst, s.left+float64(now.Sub(s.counted))/float64(every))
	s.counted = now
	if s.left < 1 {
		return false
	}
	s.left--
	return true
}

// discard empties a socket's buffer.
func discard(fd int) {
	var message [1]byte // the rest of it is cut off
	for range most {
		if _, _, err := unix.Recvfrom(fd, message[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC); errors.Is(err, unix.EAGAIN) {
			return // any other error, such as ENOBUFS, is that of messages before
		}
	}
}

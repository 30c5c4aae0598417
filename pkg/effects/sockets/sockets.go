package sockets

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// Layout of linux/inet_diag.h: struct inet_diag_req_v2 is a header and an id; struct inet_diag_msg a header, an id and a tail.
const (
	headerSize  = 4
	idSize      = 48
	requestSize = 8 + idSize
	uidAt       = headerSize + idSize + 12
	sockDestroy = 21 // SOCK_DESTROY of linux/sock_diag.h
	timeWait    = 6  // TCP_TIME_WAIT, of linux/tcp_states.h as the next two
	listening   = 10
	newSynRecv  = 12
)

// End ends every TCP connection and every connected UDP socket of the namespace that leads out of it and is not of the
// given user. Their owners get ECONNABORTED; the other end of a TCP connection gets a RST, unless a rule already drops it.
// End returns how many there were. What it holds in memory and how long it takes has a bound, since a tenant may have opened sockets by the
// million: of more than endAtOnce times endRounds some stay.
func End(ns *netns.Namespace, keep uint32) (ended int, err error) {
	return endIn(ns, keep, endAtOnce)
}

const (
	endAtOnce = 64 << 10 // sockets that are listed before the first of them ends
	endRounds = 16
)

// endIn ends the TCP and UDP sockets of a network namespace by sock_diag (SOCK_DESTROY), at most atOnce in one round and in endRounds rounds.
// Sockets of the user keep stay. It goes on after an error of one protocol and returns all errors.
func endIn(ns *netns.Namespace, keep uint32, atOnce int) (ended int, err error) {
	err = ns.Do(func() error {
		var problems error
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			for _, protocol := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
				n, err := atOnce, error(nil)
				for round := 0; n == atOnce && err == nil && round < endRounds; round++ {
					n, err = end(family, protocol, keep, atOnce)
					ended += n
				}
				problems = errors.Join(problems, err)
			}
		}
		return problems
	})
	if err != nil {
		return ended, fmt.Errorf("end connections: %w", err)
	}
	return ended, nil
}

// Forget drops what the kernel remembers of the namespace's connections (conntrack), so that no answer to an old one is
// taken for part of a known connection.
func Forget(ns *netns.Namespace) error {
	if err := ns.Do(func() error { return netlink.ConntrackTableFlush(netlink.ConntrackTable) }); err != nil {
		return fmt.Errorf("forget connections: %w", err)
	}
	return nil
}

// raw is a part of a request.
type raw []byte

// Len is its size.
func (r raw) Len() int { return len(r) }

// Serialize returns it.
func (r raw) Serialize() []byte { return r }

// end works in the calling thread's network namespace, and ends so many sockets at most. What it holds in memory does not grow with those that
// stay.
func end(family, protocol uint8, keep uint32, atMost int) (ended int, err error) {
	var ids [][]byte // all are listed before the first ends: a list during which sockets end would leave some out
	each := func(s []byte) bool {
		if len(s) >= uidAt+4 && binary.NativeEndian.Uint32(s[uidAt:]) != keep && leaves(family, s[headerSize:headerSize+idSize]) {
			ids = append(ids, slices.Clone(s[headerSize:headerSize+idSize])) // s is a part of a large buffer
		}
		return len(ids) < atMost
	}
	asked := query(0, 1<<listening, nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP, family, protocol, make([]byte, idSize))
	if err := asked.ExecuteIter(unix.NETLINK_INET_DIAG, 0, each); err != nil && !errors.Is(err, unix.ENOENT) { // the kernel has no such sockets
		return 0, err
	}
	for _, id := range ids {
		if err := destroy(family, protocol, id); err != nil && !errors.Is(err, unix.ENOENT) {
			return ended, err
		}
		ended++
	}
	return ended, nil
}

// leaves reports whether the socket is connected to somewhere outside.
func leaves(family uint8, id []byte) bool {
	port := binary.BigEndian.Uint16(id[2:])
	remote := netip.AddrFrom4([4]byte(id[20:24]))
	if family == unix.AF_INET6 {
		remote = netip.AddrFrom16([16]byte(id[20:36])).Unmap()
	}
	return port != 0 && !remote.IsLoopback()
}

// destroy ends a socket. errors.Is unix.ENOENT if there is no such socket any more.
func destroy(family, protocol uint8, id []byte) error {
	_, err := query(0, 1<<listening, sockDestroy, unix.NLM_F_ACK, family, protocol, id).Execute(unix.NETLINK_INET_DIAG, 0)
	return err
}

// query makes a request about sockets. Bit n of more asks for attribute n+1 of each; sockets in one of the states of without are left out.
func query(more uint8, without uint32, kind, flags int, family, protocol uint8, id []byte) *nl.NetlinkRequest {
	request := make([]byte, requestSize)
	request[0], request[1], request[2] = family, protocol, more
	binary.NativeEndian.PutUint32(request[4:], ^without)
	copy(request[8:], id)
	message := nl.NewNetlinkRequest(kind, flags)
	message.AddData(raw(request))
	return message
}

// withCopy calls use with a copy of another process's descriptor, which it closes then. A descriptor that was closed meanwhile is no error, and
// use is not called. What the descriptor is, use has to find out: the number may have become another file's.
func withCopy(pidfd, fd int, use func(socket int) error) error {
	socket, err := unix.PidfdGetfd(pidfd, fd, 0)
	if errors.Is(err, unix.EBADF) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	return use(socket)
}

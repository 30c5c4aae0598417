package podcapture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Owner is whose a socket is, in the kernel's own words: neither can be set by a packet's sender, and the cgroup not
// even by root in a container.
type Owner struct {
	UID    uint32
	Cgroup uint64 // inode of the cgroup2 directory
}

// Socket is one entry of the kernel's socket tables.
type Socket struct {
	Protocol      uint8
	Local, Remote netip.AddrPort
	Owner         Owner
}

// Layout of the answers (linux/inet_diag.h, struct inet_diag_msg) and of the request (struct inet_diag_req_v2).
const (
	requestSize    = unix.NLMSG_HDRLEN + 56
	messageSize    = 72
	attrCgroup     = 21 // INET_DIAG_CGROUP_ID
	sockDiagFamily = 20 // SOCK_DIAG_BY_FAMILY
	stateTimeWait  = 6
	stateSynRecv   = 12 // TCP_NEW_SYN_RECV
)

// A diag is an open sock_diag(7) socket of one network namespace. It is not safe for concurrent use.
type diag struct{ fd int }

// openDiag asks about the network namespace that the calling thread is in, now and later.
func openDiag() (*diag, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open a sock_diag socket: %w", err)
	}
	return &diag{fd}, nil
}

func (d *diag) Close() error { return unix.Close(d.fd) }

// sockets lists all sockets of the protocols (TCP, UDP) that have an owner: what the kernel keeps of closed connections (TIME_WAIT, and
// FIN_WAIT2 without a process) or not yet accepted ones (SYN_RECV) has none, and no cgroup.
func (d *diag) sockets(protocols ...uint8) ([]Socket, error) {
	all := []Socket{}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		for _, protocol := range protocols {
			found, err := d.dump(family, protocol)
			if err != nil {
				return nil, fmt.Errorf("list sockets of family %d, protocol %d: %w", family, protocol, err)
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

func (d *diag) dump(family, protocol uint8) ([]Socket, error) {
	request := newRequest(family, protocol, unix.NLM_F_DUMP)
	if err := unix.Sendto(d.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	found, buffer := []Socket{}, make([]byte, 64<<10)
	for {
		n, _, err := unix.Recvfrom(d.fd, buffer, 0)
		if err != nil {
			return nil, err
		}
		part, done, err := parseDump(buffer[:n], protocol)
		found = append(found, part...)
		if done || err != nil {
			return found, err
		}
	}
}

// find asks for the socket of one TCP connection. That costs microseconds, where a dump walks the whole machine's table.
func (d *diag) find(local, remote netip.AddrPort) (Socket, bool, error) {
	family := uint8(unix.AF_INET)
	if local.Addr().Is6() {
		family = unix.AF_INET6
	}
	request := newRequest(family, unix.IPPROTO_TCP, 0)
	id := request[unix.NLMSG_HDRLEN+8:]
	binary.BigEndian.PutUint16(id, local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[4:20], local.Addr().AsSlice())
	copy(id[20:36], remote.Addr().AsSlice())
	copy(id[40:48], "\xff\xff\xff\xff\xff\xff\xff\xff") // any cookie
	if err := unix.Sendto(d.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return Socket{}, false, fmt.Errorf("ask for the socket %s > %s: %w", local, remote, err)
	}
	buffer := make([]byte, 4<<10)
	n, _, err := unix.Recvfrom(d.fd, buffer, 0)
	if err != nil {
		return Socket{}, false, fmt.Errorf("ask for the socket %s > %s: %w", local, remote, err)
	}
	found, _, err := parseDump(buffer[:n], unix.IPPROTO_TCP)
	if errors.Is(err, unix.ENOENT) || err == nil && len(found) == 0 {
		return Socket{}, false, nil
	}
	if err != nil {
		return Socket{}, false, fmt.Errorf("ask for the socket %s > %s: %w", local, remote, err)
	}
	return found[0], true, nil
}

func newRequest(family, protocol uint8, flags uint16) []byte {
	request := make([]byte, requestSize)
	binary.NativeEndian.PutUint32(request[0:], requestSize)
	binary.NativeEndian.PutUint16(request[4:], sockDiagFamily)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|flags)
	request[unix.NLMSG_HDRLEN], request[unix.NLMSG_HDRLEN+1] = family, protocol
	states := ^uint32(1<<stateTimeWait | 1<<stateSynRecv)
	binary.NativeEndian.PutUint32(request[unix.NLMSG_HDRLEN+4:], states)
	return request
}

// parseDump reads the netlink messages of one datagram; done says that the dump has ended.
func parseDump(b []byte, protocol uint8) (found []Socket, done bool, err error) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size, kind := int(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint16(b[4:])
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return found, true, errShort
		}
		body := b[unix.NLMSG_HDRLEN:size]
		switch {
		case kind == unix.NLMSG_DONE:
			return found, true, nil
		case kind == unix.NLMSG_ERROR && len(body) >= 4:
			return found, true, unix.Errno(^binary.NativeEndian.Uint32(body) + 1) // a negative number
		case kind == sockDiagFamily && len(body) >= messageSize:
			if socket := parseSocket(body, protocol); socket.Owner.Cgroup != 0 {
				found = append(found, socket)
			}
		}
		b = b[min(len(b), align4(size)):]
	}
	return found, false, nil
}

func parseSocket(b []byte, protocol uint8) Socket {
	address := func(at int, port []byte) netip.AddrPort {
		ip := netip.AddrFrom16([16]byte(b[at : at+16])).Unmap()
		if b[0] == unix.AF_INET {
			ip = netip.AddrFrom4([4]byte(b[at : at+4]))
		}
		return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(port))
	}
	socket := Socket{
		Protocol: protocol,
		Local:    address(8, b[4:6]),
		Remote:   address(24, b[6:8]),
		Owner:    Owner{UID: binary.NativeEndian.Uint32(b[64:])},
	}
	for rest := b[messageSize:]; len(rest) >= 4; {
		size, kind := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])
		if size < 4 || size > len(rest) {
			break
		}
		if kind == attrCgroup && size >= 12 {
			socket.Owner.Cgroup = binary.NativeEndian.Uint64(rest[4:])
		}
		rest = rest[min(len(rest), align4(size)):]
	}
	return socket
}

func align4(n int) int { return (n + 3) &^ 3 }

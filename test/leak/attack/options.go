package attack

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// options are sockets with an option that is said to lead round rules.
func options() []Probe {
	udp := func(p prepare) shape { return shape{kind: unix.SOCK_DGRAM, to: port(9), prepare: p} }
	tcp := func(p prepare) shape { return shape{kind: unix.SOCK_STREAM, to: open, prepare: p} }
	probes := each(None, "%s", []named[shape]{
		{"UDP with SO_MARK", udp(mark)},
		{"TCP with SO_MARK", tcp(mark)},
		{"UDP from another's address (IP_FREEBIND)", udp(foreign)},
		{"TCP from another's address (IP_FREEBIND)", tcp(foreign)},
		{"UDP from another's address (IP_TRANSPARENT)", udp(transparent)},
		{"TCP from another's address (IP_TRANSPARENT)", tcp(transparent)},
		{"UDP from loopback", udp(fromLoopback)},
		{"TCP from loopback", tcp(fromLoopback)},
		{"UDP from loopback, bound to the interface", udp(both(toInterface, fromLoopback))},
		{"TCP from loopback, bound to the interface", tcp(both(toInterface, fromLoopback))},
		{"TCP from a port of the proxy", tcp(from(13041))},
		{"TCP from port 13043, bound to the interface", tcp(both(toInterface, from(13044)))},
		{"UDP with a loose source route", udp(sourceRoute)},
		{"TCP with a loose source route", tcp(sourceRoute)},
		{"UDP by IP_UNICAST_IF", udp(unicast)},
		{"TCP by IP_UNICAST_IF", tcp(unicast)},
		{"UDP with a flow label", udp(flowLabel)},
		{"UDP with an hop-by-hop header", udp(extension(unix.IPV6_HOPOPTS))},
		{"UDP with a destination header", udp(extension(unix.IPV6_DSTOPTS))},
		{"UDP with a routing header", udp(extension(unix.IPV6_RTHDR))},
		{"TCP with a destination header", tcp(extension(unix.IPV6_DSTOPTS))},
		{"UDP with a priority and a type of service", udp(priority)},
		{"UDP with SO_TXTIME", udp(txtime)},
		{"UDP segmented by the kernel (UDP_SEGMENT)", shape{kind: unix.SOCK_DGRAM, to: port(9), prepare: segmented, payload: strings.Repeat(Secret, 100)}},
		{"UDP as encapsulated ESP", udp(set(unix.SOL_UDP, unix.UDP_ENCAP, 2))},
		{"TCP_REPAIR", tcp(set(unix.SOL_TCP, unix.TCP_REPAIR, 1))},
		{"IP_NODEFRAG on UDP of 4,000 bytes", shape{kind: unix.SOCK_DGRAM, to: port(9), prepare: set(unix.SOL_IP, unix.IP_NODEFRAG, 1), payload: strings.Repeat(Secret, 211)}},
		{"UDP that must not be fragmented", udp(set(unix.SOL_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE))},
	}, use)
	return append(probes, each(None, "%s", []named[func(a Aim) error]{
		{"TCP Fast Open", fastOpen},
		{"TCP Fast Open, bound to the interface", fastOpenBound},
		{"UDP with IP_PKTINFO", packetInfo},
		{"UDP to port 53 with IP_PKTINFO", packetInfoDNS},
		{"UDP connected on loopback, sent elsewhere", elsewhere},
		{"UDP connected, disconnected, connected to elsewhere", reconnected},
		{"UDP to port 53, then the same socket to another port", afterDNS},
		{"TCP that is reset in the middle", aborted},
		{"TCP with urgent data", urgent},
	}, func(a Aim, f func(Aim) error) error { return f(a) })...)
}

func both(first, second prepare) prepare {
	return func(fd int, a Aim) error { return errors.Join(first(fd, a), second(fd, a)) }
}

func set(level, option, value int) prepare {
	return func(fd int, _ Aim) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, level, option, value))
	}
}

func mark(fd int, _ Aim) error {
	return os.NewSyscallError("SO_MARK", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, 0x1303))
}

// another is somebody else's address of the aim's family (documentation ranges).
func another(a Aim) netip.Addr {
	if a.v6() {
		return netip.MustParseAddr("2001:db8:dead::1")
	}
	return netip.MustParseAddr("192.0.2.123")
}

func foreign(fd int, a Aim) error {
	err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_FREEBIND, 1)
	if a.v6() {
		err = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_FREEBIND, 1)
	}
	return errors.Join(err, bind(fd, netip.AddrPortFrom(another(a), 0)))
}

func transparent(fd int, a Aim) error {
	err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1)
	if a.v6() {
		err = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1)
	}
	return errors.Join(err, bind(fd, netip.AddrPortFrom(another(a), 0)))
}

func fromLoopback(fd int, a Aim) error { return bind(fd, netip.AddrPortFrom(a.loopback(), 0)) }

// sourceRoute asks to be sent by way of the next hop (RFC 791, loose source and record route).
func sourceRoute(fd int, a Aim) error {
	if a.v6() {
		return errors.New("IPv4 only")
	}
	hop, to := a.Near.As4(), a.Far.As4()
	route := append(append([]byte{1, 131, 11, 4}, hop[:]...), to[:]...)
	return os.NewSyscallError("IP_OPTIONS", unix.SetsockoptString(fd, unix.SOL_IP, unix.IP_OPTIONS, string(route)))
}

func unicast(fd int, a Aim) error {
	network := int(binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, zone())))
	if a.v6() {
		return unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_UNICAST_IF, network)
	}
	return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_UNICAST_IF, network)
}

func flowLabel(fd int, a Aim) error {
	if !a.v6() {
		return errors.New("IPv6 only")
	}
	return errors.Join(unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_AUTOFLOWLABEL, 1), unix.SetsockoptInt(fd, unix.SOL_IPV6, flowinfoSend, 1))
}

// extension puts an extension header with eight bytes of one's own into every packet.
func extension(option int) prepare {
	return func(fd int, a Aim) error {
		if !a.v6() {
			return errors.New("IPv6 only")
		}
		header := "\x00\x00\x1e\x04leak" // PadN-like experimental option (RFC 4727)
		if option == unix.IPV6_RTHDR {
			far := a.Far.As16()
			header = "\x00\x02\x02\x01\x00\x00\x00\x00" + string(far[:]) // type 2
		}
		return os.NewSyscallError("extension header", unix.SetsockoptString(fd, unix.SOL_IPV6, option, header))
	}
}

func priority(fd int, a Aim) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, 6)
	if a.v6() {
		return errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_TCLASS, 0xb8))
	}
	return errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TOS, 0xb8))
}

func txtime(fd int, _ Aim) error {
	return os.NewSyscallError("SO_TXTIME", unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_TXTIME, "\x01\x00\x00\x00\x00\x00\x00\x00"))
}

func segmented(fd int, _ Aim) error {
	return os.NewSyscallError("UDP_SEGMENT", unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT, 500))
}

func fastOpen(a Aim) error { return fast(a, nil) }

func fastOpenBound(a Aim) error { return fast(a, toInterface) }

// fast sends data in the SYN (RFC 7413); it needs a cookie, and asks for one. TCP_FASTOPEN_NO_COOKIE asks for none.
func fast(a Aim, p prepare) error {
	return datagramLike(a, unix.SOCK_STREAM, func(fd int) error {
		var err error
		if p != nil {
			err = p(fd, a)
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_TCP, unix.TCP_FASTOPEN_NO_COOKIE, 1)
		return errors.Join(err, unix.Sendto(fd, []byte(unknown+Secret), unix.MSG_FASTOPEN|unix.MSG_NOSIGNAL, sockaddr(a.Open)))
	})
}

// datagramLike opens a socket, lets do use it, and waits a little.
func datagramLike(a Aim, kind int, do func(fd int) error) error {
	family := unix.AF_INET
	if a.v6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	err = do(fd)
	_ = await(fd, unix.POLLIN)
	return err
}

func packetInfo(a Aim) error { return withInfo(a, a.far(9)) }

func packetInfoDNS(a Aim) error { return withInfo(a, a.far(53)) }

// withInfo chooses the interface by a control message, packet by packet.
func withInfo(a Aim, to netip.AddrPort) error {
	return datagramLike(a, unix.SOCK_DGRAM, func(fd int) error {
		control := unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: index(), Spec_dst: pod4(a)})
		if a.v6() {
			control = unix.PktInfo6(&unix.Inet6Pktinfo{Ifindex: zone(), Addr: a.Pod.As16()})
		}
		return unix.Sendmsg(fd, []byte(Secret), control, sockaddr(to), 0)
	})
}

func pod4(a Aim) [4]byte {
	if a.v6() {
		return [4]byte{}
	}
	return a.Pod.As4()
}

func elsewhere(a Aim) error {
	return datagramLike(a, unix.SOCK_DGRAM, func(fd int) error {
		err := connect(fd, sockaddr(netip.AddrPortFrom(a.loopback(), 53)))
		return errors.Join(err, unix.Sendto(fd, []byte(Secret), 0, sockaddr(a.far(9))), unix.Sendto(fd, []byte(Secret), 0, sockaddr(a.far(53))))
	})
}

func reconnected(a Aim) error {
	return datagramLike(a, unix.SOCK_DGRAM, func(fd int) error {
		err := connect(fd, sockaddr(netip.AddrPortFrom(a.loopback(), 53)))
		none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
		_, _, _ = unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none)) //nolint:gosec // connect(2) to nobody
		return errors.Join(err, connect(fd, sockaddr(a.far(9))), unix.Send(fd, []byte(Secret), 0))
	})
}

func afterDNS(a Aim) error {
	return datagramLike(a, unix.SOCK_DGRAM, func(fd int) error {
		err := unix.Sendto(fd, []byte(question("first.leak.example", 1)), 0, sockaddr(a.far(53)))
		return errors.Join(err, unix.Sendto(fd, []byte(Secret), 0, sockaddr(a.far(9))))
	})
}

func aborted(a Aim) error {
	return datagramLike(a, unix.SOCK_STREAM, func(fd int) error {
		err := connect(fd, sockaddr(a.Open))
		linger := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		return errors.Join(err, linger, unix.Send(fd, []byte(unknown+Secret), unix.MSG_NOSIGNAL))
	})
}

func urgent(a Aim) error {
	return datagramLike(a, unix.SOCK_STREAM, func(fd int) error {
		return errors.Join(connect(fd, sockaddr(a.Open)), unix.Send(fd, []byte(unknown+Secret), unix.MSG_OOB|unix.MSG_NOSIGNAL))
	})
}

// flowinfoSend is IPV6_FLOWINFO_SEND of linux/in6.h.
const flowinfoSend = 33

package attack

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// families are sockets of other protocols, multicast, broadcast and link-local.
func families() []Probe {
	protocols := each(None, "%s", []named[shape]{
		{"SCTP, one to one", shape{kind: unix.SOCK_STREAM, protocol: unix.IPPROTO_SCTP, to: port(80)}},
		{"SCTP, one to many", shape{kind: unix.SOCK_SEQPACKET, protocol: unix.IPPROTO_SCTP, to: port(80)}},
		{"DCCP", shape{kind: unix.SOCK_DCCP, protocol: unix.IPPROTO_DCCP, to: port(80)}},
		{"UDP-Lite", shape{kind: unix.SOCK_DGRAM, protocol: unix.IPPROTO_UDPLITE, to: port(9)}},
		{"SMC by its number among the protocols of IP", shape{kind: unix.SOCK_STREAM, protocol: 256, to: port(80)}},
	}, use)
	others := each(None, "%s", []named[func(a Aim) error]{
		{"a ping socket", ping},
		{"IPv4 in an IPv6 socket: TCP", func(a Aim) error { return mapped(a, unix.SOCK_STREAM, a.Open) }},
		{"IPv4 in an IPv6 socket: UDP", func(a Aim) error { return mapped(a, unix.SOCK_DGRAM, a.far(9)) }},
		{"multicast, all hosts of the link", func(a Aim) error { return group(a, "224.0.0.1", "ff02::1", 9) }},
		{"multicast DNS", func(a Aim) error { return group(a, "224.0.0.251", "ff02::fb", 5353) }},
		{"multicast, a group far away", func(a Aim) error { return group(a, "239.1.2.3", "ff0e::1234", 9) }},
		{"multicast to port 53", func(a Aim) error { return group(a, "239.1.2.3", "ff0e::1234", 53) }},
		{"joining a group", join},
		{"broadcast", broadcast},
		{"broadcast to port 53", func(a Aim) error { return broadcastTo(a, 53) }},
		{"link-local", linkLocal},
	}, func(a Aim, f func(a Aim) error) error { return f(a) })
	return append(protocols, others...)
}

func ping(a Aim) error {
	family, protocol, echo := unix.AF_INET, unix.IPPROTO_ICMP, byte(8)
	if a.v6() {
		family, protocol, echo = unix.AF_INET6, unix.IPPROTO_ICMPV6, 128
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	return os.NewSyscallError("sendto", unix.Sendto(fd, append([]byte{echo, 0, 0, 0, 0, 1, 0, 1}, Secret...), 0, sockaddr(a.far(0))))
}

// mapped calls an IPv4 address as ::ffff:a.b.c.d; on an IPv6 aim it is the same as any call.
func mapped(_ Aim, kind int, to netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_INET6, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := connect(fd, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}); err != nil {
		return err
	}
	return say(fd, unknown+Secret)
}

func group(a Aim, v4, v6 string, port uint16) error {
	to := netip.MustParseAddr(v4)
	return datagram(a, func(fd int) (netip.AddrPort, error) {
		if !a.v6() {
			return netip.AddrPortFrom(to, port), unix.SetsockoptIPMreqn(fd, unix.SOL_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: index()})
		}
		return netip.AddrPortFrom(netip.MustParseAddr(v6), port), unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_MULTICAST_IF, int(index()))
	})
}

// datagram sends the secret in one datagram to where prepare says.
func datagram(a Aim, prepare func(fd int) (netip.AddrPort, error)) error {
	family := unix.AF_INET
	if a.v6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	to, err := prepare(fd)
	if err != nil {
		return err
	}
	return os.NewSyscallError("sendto", unix.Sendto(fd, []byte(Secret), 0, sockaddr(to)))
}

// index is the interface's number.
func index() int32 {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return 0
	}
	return int32(link.Index) //nolint:gosec // the kernel's numbers are that long
}

func zone() uint32 { return uint32(index()) } //nolint:gosec // a number of the kernel is positive

// join makes the kernel tell the routers (IGMP, MLD), of a group and of one with chosen sources: those are 32 or 128 bits of one's own.
func join(a Aim) error {
	return datagram(a, func(fd int) (netip.AddrPort, error) {
		if a.v6() {
			group := netip.MustParseAddr("ff05::1234").As16()
			err := unix.SetsockoptIPv6Mreq(fd, unix.SOL_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{Multiaddr: group, Interface: zone()})
			return a.far(9), err
		}
		err := unix.SetsockoptIPMreqn(fd, unix.SOL_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: [4]byte{239, 1, 2, 3}, Ifindex: index()})
		return a.far(9), err
	})
}

func broadcast(a Aim) error { return broadcastTo(a, 9) }

func broadcastTo(a Aim, port uint16) error {
	return datagram(a, func(fd int) (netip.AddrPort, error) {
		to := netip.AddrPortFrom(netip.MustParseAddr("255.255.255.255"), port)
		if a.v6() {
			to = netip.AddrPortFrom(netip.MustParseAddr("ff02::2"), port)
		}
		return to, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1)
	})
}

// linkLocal sends to an address that is only of the link.
func linkLocal(a Aim) error {
	family, to := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: 80, Addr: [4]byte{169, 254, 1, 1}})
	if a.v6() {
		family = unix.AF_INET6
		to = &unix.SockaddrInet6{Port: 80, ZoneId: zone(), Addr: netip.MustParseAddr("fe80::1234").As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := connect(fd, to); err != nil {
		return err
	}
	return say(fd, Secret)
}

package attack

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// more marks that fragments follow; offsets count eight bytes.
const more = 0x2000

// packets bring their own IP header: fragments, forged sources, extension headers.
func packets() []Probe {
	all := each(Raw, "%s", []named[func(a Aim) []byte]{
		{"a forged source: somebody else's", func(a Aim) []byte { return header(a, another(a), unix.IPPROTO_UDP, udpPacket(a, 4000, 9)) }},
		{"a forged source: the next hop's", func(a Aim) []byte { return header(a, a.Near, unix.IPPROTO_UDP, udpPacket(a, 4000, 9)) }},
		{"a forged source: the destination's own", func(a Aim) []byte { return header(a, a.Far, unix.IPPROTO_UDP, udpPacket(a, 4000, 9)) }},
		{"a forged source: loopback", func(a Aim) []byte { return header(a, a.loopback(), unix.IPPROTO_UDP, udpPacket(a, 4000, 9)) }},
		{"a forged source: none", func(a Aim) []byte { return header(a, anywhere(a), unix.IPPROTO_UDP, udpPacket(a, 4000, 9)) }},
		{"a forged source: SYN", func(a Aim) []byte {
			return header(a, another(a), unix.IPPROTO_TCP, tcpPacket(a, 4000, a.far(80), syn, 1, 0))
		}},
		{"a forged source: RST", func(a Aim) []byte {
			return header(a, another(a), unix.IPPROTO_TCP, tcpPacket(a, 4000, a.far(80), rst, 1, 0))
		}},
		{"a fragment: the first", func(a Aim) []byte { return fragment(a, unix.IPPROTO_UDP, 0, true, udpPacket(a, 4000, 9)) }},
		{"a fragment: a later one", func(a Aim) []byte { return fragment(a, unix.IPPROTO_UDP, 3, false, []byte(Secret)) }},
		{"a fragment: the first, tiny", func(a Aim) []byte {
			return fragment(a, unix.IPPROTO_TCP, 0, true, tcpPacket(a, 4000, a.far(80), syn, 1, 0)[:8])
		}},
		{"a fragment: TCP's flags in the second", func(a Aim) []byte {
			return fragment(a, unix.IPPROTO_TCP, 1, false, tcpPacket(a, 4000, a.far(80), syn, 1, 0)[8:])
		}},
		{"a fragment: of an unknown protocol", func(a Aim) []byte { return fragment(a, 253, 0, true, []byte(Secret)) }},
		{"a fragment: the one and only", func(a Aim) []byte { return fragment(a, unix.IPPROTO_UDP, 0, false, udpPacket(a, 4000, 53)) }},
		{"a packet without a transport header", func(a Aim) []byte { return header(a, a.Pod, unix.IPPROTO_TCP, []byte("leak")) }},
		{"extension headers: hop by hop", func(a Aim) []byte { return extended(a, 0, []byte{unix.IPPROTO_UDP, 0, 0x1e, 4, 'l', 'e', 'a', 'k'}) }},
		{"extension headers: destination", func(a Aim) []byte { return extended(a, 60, []byte{unix.IPPROTO_UDP, 0, 0x1e, 4, 'l', 'e', 'a', 'k'}) }},
		{"extension headers: routing, type 0", func(a Aim) []byte { return extended(a, 43, routing(a, 0)) }},
		{"extension headers: routing, type 2", func(a Aim) []byte { return extended(a, 43, routing(a, 2)) }},
		{"extension headers: segment routing", func(a Aim) []byte { return extended(a, 43, routing(a, 4)) }},
		{"extension headers: an unknown one", func(a Aim) []byte { return extended(a, 140, []byte{unix.IPPROTO_UDP, 0, 0, 4, 'l', 'e', 'a', 'k'}) }},
	}, func(a Aim, build func(a Aim) []byte) error {
		packet := build(a)
		if packet == nil {
			return errors.New("IPv6 only")
		}
		return errors.Join(whole(a, packet), whole(a, packet, toInterface), whole(a, packet, nodefrag))
	})
	return append(all, each(Raw, "%s", []named[func(a Aim) error]{
		{"fragments that overlap", overlapping},
		{"a ping socket bound to the interface", pingBound},
		{"raw, to the broadcast or all nodes", rawBroadcast},
		{"raw, with another's mark for the conntrack zone", func(a Aim) error { return raw(a, 253, []byte(Secret), mark, toInterface) }},
	}, func(a Aim, f func(a Aim) error) error { return f(a) })...)
}

// nodefrag asks that fragments be passed on as they are (IPv4).
func nodefrag(fd int, a Aim) error {
	if a.v6() {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_NODEFRAG, 1)
}

// fragment is one; offset counts eight bytes.
func fragment(a Aim, protocol byte, offset uint16, follows bool, payload []byte) []byte {
	if !a.v6() {
		if follows {
			offset |= more
		}
		return header4(a.Pod, a.Far, protocol, offset, payload)
	}
	b := []byte{protocol, 0, 0, 0, 0, 0, 0x13, 0x03}
	binary.BigEndian.PutUint16(b[2:], offset<<3)
	if follows {
		b[3] |= 1
	}
	return header6(a.Pod, a.Far, unix.IPPROTO_FRAGMENT, append(b, payload...))
}

// overlapping sends a datagram in two parts of which the second begins within the first.
func overlapping(a Aim) error {
	text := append(udpPacket(a, 4000, 9), Secret...)
	return errors.Join(
		whole(a, fragment(a, unix.IPPROTO_UDP, 0, true, text[:24]), nodefrag),
		whole(a, fragment(a, unix.IPPROTO_UDP, 2, false, text[16:]), nodefrag))
}

// extended is a UDP packet behind an extension header.
func extended(a Aim, next byte, extension []byte) []byte {
	if !a.v6() {
		return nil
	}
	return header6(a.Pod, a.Far, next, append(extension, udpPacket(a, 4000, 9)...))
}

func routing(a Aim, kind byte) []byte {
	return append([]byte{unix.IPPROTO_UDP, 2, kind, 1, 0, 0, 0, 0}, a.Far.AsSlice()...)
}

func pingBound(a Aim) error {
	protocol, kind := unix.IPPROTO_ICMP, byte(8)
	if a.v6() {
		protocol, kind = unix.IPPROTO_ICMPV6, 128
	}
	return raw(a, protocol, icmpPacket(a, kind, 0, 0, 1, 0, 1), toInterface)
}

func rawBroadcast(a Aim) error {
	aim := a
	aim.Far = netip.MustParseAddr("255.255.255.255")
	if a.v6() {
		aim.Far = netip.MustParseAddr("ff02::1")
	}
	return raw(aim, 253, []byte(Secret), set(unix.SOL_SOCKET, unix.SO_BROADCAST, 1), toInterface)
}

// frames are packets that meet no chain of iptables.
func frames() []Probe {
	return []Probe{
		{"AF_PACKET: a whole frame", Frame, func(a Aim) error { return frame(a, unix.SOCK_RAW, false) }},
		{"AF_PACKET: a whole frame past the queueing discipline", Frame, func(a Aim) error { return frame(a, unix.SOCK_RAW, true) }},
		{"AF_PACKET: a packet", Frame, func(a Aim) error { return frame(a, unix.SOCK_DGRAM, false) }},
	}
}

// frame sends a UDP packet to the broadcast address of the link.
func frame(a Aim, kind int, bypass bool) error {
	fd, err := unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if bypass {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
			return err
		}
	}
	link, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	ether := uint16(unix.ETH_P_IP)
	if a.v6() {
		ether = unix.ETH_P_IPV6
	}
	packet := header(a, a.Pod, unix.IPPROTO_UDP, udpPacket(a, 4000, 9))
	everyone := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if kind == unix.SOCK_RAW {
		packet = slices.Concat(everyone, link.HardwareAddr, binary.BigEndian.AppendUint16(nil, ether), packet)
	}
	to := &unix.SockaddrLinklayer{Ifindex: link.Index, Protocol: ether<<8 | ether>>8, Halen: 6}
	copy(to.Addr[:], everyone)
	return os.NewSyscallError("sendto", unix.Sendto(fd, packet, 0, to))
}

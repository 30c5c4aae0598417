package attack

import (
	"encoding/binary"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// TCP's flags.
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
	ece
	cwr
)

// tcpPacket is a segment with the secret in it.
func tcpPacket(a Aim, from uint16, to netip.AddrPort, flags byte, seq, acked uint32) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to.Port())
	binary.BigEndian.PutUint32(b[4:], seq)
	binary.BigEndian.PutUint32(b[8:], acked)
	b[12], b[13] = 5<<4, flags
	binary.BigEndian.PutUint16(b[14:], 512)
	b = append(b, Secret...)
	binary.BigEndian.PutUint16(b[16:], checksum(a.Pod, to.Addr(), unix.IPPROTO_TCP, b))
	return b
}

func udpPacket(a Aim, from, to uint16) []byte {
	b := make([]byte, 8, 64)
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	b = append(b, Secret...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b))) //nolint:gosec // a short packet
	binary.BigEndian.PutUint16(b[6:], checksum(a.Pod, a.Far, unix.IPPROTO_UDP, b))
	return b
}

// icmpPacket is an ICMP or ICMPv6 message with the secret in it.
func icmpPacket(a Aim, kind, code byte, body ...byte) []byte {
	b := slices.Concat([]byte{kind, code, 0, 0}, body, []byte(Secret))
	if a.v6() {
		binary.BigEndian.PutUint16(b[2:], checksum(a.Pod, a.Far, unix.IPPROTO_ICMPV6, b))
	} else {
		binary.BigEndian.PutUint16(b[2:], sum(b))
	}
	return b
}

// header4 is an IPv4 header; the kernel fills in length and checksum (raw(7)).
func header4(src, dst netip.Addr, protocol byte, fragment uint16, payload []byte) []byte {
	b := make([]byte, 20)
	b[0], b[8], b[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload))) //nolint:gosec // a short packet
	binary.BigEndian.PutUint16(b[4:], 0x1303)
	binary.BigEndian.PutUint16(b[6:], fragment)
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	binary.BigEndian.PutUint16(b[10:], sum(b[:20]))
	return append(b, payload...)
}

// header6 is an IPv6 header, for sockets that bring their own (IPV6_HDRINCL, IPPROTO_RAW).
func header6(src, dst netip.Addr, next byte, payload []byte) []byte {
	b := make([]byte, 40)
	b[0], b[6], b[7] = 0x60, next, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload))) //nolint:gosec // a short packet
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(b, payload...)
}

// header puts the family's header before a payload.
func header(a Aim, src netip.Addr, protocol byte, payload []byte) []byte {
	if a.v6() {
		return header6(src, a.Far, protocol, payload)
	}
	return header4(src, a.Far, protocol, 0, payload)
}

// raw sends a payload under a header that the kernel makes.
func raw(a Aim, protocol int, payload []byte, prepared ...prepare) error {
	family := unix.AF_INET
	if a.v6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	for _, p := range prepared {
		if err := p(fd, a); err != nil {
			return err
		}
	}
	return os.NewSyscallError("sendto", unix.Sendto(fd, payload, 0, sockaddr(a.far(0))))
}

// whole sends a packet that brings its own header.
func whole(a Aim, packet []byte, prepared ...prepare) error {
	include := set(unix.SOL_IP, unix.IP_HDRINCL, 1)
	if a.v6() {
		include = set(unix.SOL_IPV6, unix.IPV6_HDRINCL, 1)
	}
	return raw(a, unix.IPPROTO_RAW, packet, append([]prepare{include}, prepared...)...)
}

// checksum is that of TCP, UDP and ICMPv6 with their pseudo-header (RFC 9293, RFC 8200).
func checksum(src, dst netip.Addr, protocol byte, segment []byte) uint16 {
	b := append(src.AsSlice(), dst.AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(segment))) //nolint:gosec // a short packet
	return sum(slices.Concat(b, []byte{0, 0, 0, protocol}, segment))
}

// sum is the Internet checksum (RFC 1071).
func sum(b []byte) uint16 {
	if len(b)%2 == 1 {
		b = append(slices.Clone(b), 0)
	}
	total := uint32(0)
	for i := 0; i < len(b); i += 2 {
		total += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for total>>16 != 0 {
		total = total&0xffff + total>>16
	}
	return ^uint16(total)
}

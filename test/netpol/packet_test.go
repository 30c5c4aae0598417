//go:build kernel

package netpol

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"golang.org/x/sys/unix"
)

// flow names a packet: the first of a connection.
type flow struct {
	from, to     netip.Addr
	protocol     byte
	source, port uint16 // of ICMP: the echo's id and sequence
}

// packet is the flow's first packet: a TCP SYN, a UDP datagram, an SCTP INIT or an ICMP echo request.
func (f flow) packet() []byte {
	var body []byte
	switch f.protocol {
	case unix.IPPROTO_TCP:
		body = f.tcp(0x02)
	case unix.IPPROTO_UDP:
		body = make([]byte, 8+4)
		binary.BigEndian.PutUint16(body[4:], uint16(len(body)))
		f.ports(body)
		binary.BigEndian.PutUint16(body[6:], f.checksum(body))
	case unix.IPPROTO_SCTP:
		body = make([]byte, 12+20)
		f.ports(body)
		chunk := body[12:]
		chunk[0], chunk[3] = 1, 20 // INIT
		copy(chunk[4:], []byte{1, 2, 3, 4, 0, 1, 0, 0, 0, 1, 0, 1, 5, 6, 7, 8})
		binary.LittleEndian.PutUint32(body[8:], crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	default:
		body = make([]byte, 8)
		body[0] = 8
		if f.to.Is6() {
			body[0] = 128
		}
		binary.BigEndian.PutUint16(body[4:], f.source)
		binary.BigEndian.PutUint16(body[6:], f.port)
		binary.BigEndian.PutUint16(body[2:], f.checksum(body))
	}
	return append(f.header(len(body)), body...)
}

func (f flow) ports(body []byte) {
	binary.BigEndian.PutUint16(body[0:], f.source)
	binary.BigEndian.PutUint16(body[2:], f.port)
}

// tcp is a segment with these flags.
func (f flow) tcp(flags byte) []byte {
	body := make([]byte, 20)
	f.ports(body)
	binary.BigEndian.PutUint32(body[4:], 1000)
	body[12], body[13] = 5<<4, flags
	binary.BigEndian.PutUint16(body[14:], 65535)
	binary.BigEndian.PutUint16(body[16:], f.checksum(body))
	return body
}

func (f flow) header(payload int) []byte {
	if f.to.Is6() {
		h := make([]byte, 40)
		h[0] = 6 << 4
		binary.BigEndian.PutUint16(h[4:], uint16(payload))
		h[6], h[7] = f.protocol, 64
		copy(h[8:], f.from.AsSlice())
		copy(h[24:], f.to.AsSlice())
		return h
	}
	h := make([]byte, 20)
	h[0] = 4<<4 | 5
	binary.BigEndian.PutUint16(h[2:], uint16(20+payload))
	h[8], h[9] = 64, f.protocol
	copy(h[12:], f.from.AsSlice())
	copy(h[16:], f.to.AsSlice())
	binary.BigEndian.PutUint16(h[10:], sum(0, h))
	return h
}

// checksum is the Internet checksum, with the pseudo header where the protocol has one.
func (f flow) checksum(body []byte) uint16 {
	if f.protocol == unix.IPPROTO_ICMP {
		return sum(0, body)
	}
	start := uint32(f.protocol) + uint32(len(body))
	for _, a := range [][]byte{f.from.AsSlice(), f.to.AsSlice()} {
		for i := 0; i < len(a); i += 2 {
			start += uint32(binary.BigEndian.Uint16(a[i:]))
		}
	}
	return sum(start, body)
}

func sum(start uint32, bytes []byte) uint16 {
	for i := 0; i+1 < len(bytes); i += 2 {
		start += uint32(binary.BigEndian.Uint16(bytes[i:]))
	}
	for start > 0xffff {
		start = start>>16 + start&0xffff
	}
	return ^uint16(start)
}

// parse reads the flow of a packet.
func parse(p []byte) (flow, bool) {
	var f flow
	var body []byte
	switch {
	case len(p) > 28 && p[0]>>4 == 4:
		f.from, _ = netip.AddrFromSlice(p[12:16])
		f.to, _ = netip.AddrFromSlice(p[16:20])
		f.protocol, body = p[9], p[20:]
	case len(p) >= 48 && p[0]>>4 == 6:
		f.from, _ = netip.AddrFromSlice(p[8:24])
		f.to, _ = netip.AddrFromSlice(p[24:40])
		f.protocol, body = p[6], p[40:]
	case len(p) == 28 && p[0]>>4 == 4:
		f.from, _ = netip.AddrFromSlice(p[12:16])
		f.to, _ = netip.AddrFromSlice(p[16:20])
		f.protocol, body = p[9], p[20:]
	default:
		return f, false
	}
	if f.protocol == unix.IPPROTO_ICMP || f.protocol == unix.IPPROTO_ICMPV6 {
		f.source, f.port = binary.BigEndian.Uint16(body[4:]), binary.BigEndian.Uint16(body[6:])
		return f, body[0] == 8 || body[0] == 128
	}
	f.source, f.port = binary.BigEndian.Uint16(body[0:]), binary.BigEndian.Uint16(body[2:])
	return f, true
}

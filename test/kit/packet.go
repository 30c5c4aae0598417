package kit

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// Packet is one frame, as far as tests look into it.
type Packet struct {
	Out      bool   // the pod sent it
	Protocol string // tcp, udp, icmp, icmp6, arp, or a number
	Src, Dst netip.AddrPort
	Flags    Flags // tcp
	Seq, Ack uint32
	Type     byte // icmp, icmp6
	Payload  []byte
	Fields   Fields // tcp
}

// Flags are TCP's.
type Flags byte

// The flags.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
)

func (f Flags) String() string {
	var names []string
	for i, name := range []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"} {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}

func (p Packet) String() string {
	direction := map[bool]string{true: "pod sent", false: "pod got"}[p.Out]
	return fmt.Sprintf("%s %s %s > %s %s type %d, %d bytes %.40q", direction, p.Protocol, p.Src, p.Dst, p.Flags, p.Type, len(p.Payload), p.Payload)
}

// Discovery reports whether the packet is neighbour discovery of IPv6 (solicitation, advertisement).
func (p Packet) Discovery() bool { return p.Protocol == "icmp6" && (p.Type == 135 || p.Type == 136) }

// decode reads an Ethernet frame.
func decode(frame []byte) Packet {
	if len(frame) < 14 {
		return Packet{Protocol: "short"}
	}
	body := frame[14:]
	switch kind := binary.BigEndian.Uint16(frame[12:]); {
	case kind == unix.ETH_P_ARP:
		return Packet{Protocol: "arp"}
	case kind == unix.ETH_P_IP && len(body) >= 20:
		return decode4(body)
	case kind == unix.ETH_P_IPV6 && len(body) >= 40:
		return decode6(body)
	default:
		return Packet{Protocol: fmt.Sprintf("ethertype %#x", kind)}
	}
}

func decode4(b []byte) Packet {
	src, _ := netip.AddrFromSlice(b[12:16])
	dst, _ := netip.AddrFromSlice(b[16:20])
	end := min(int(binary.BigEndian.Uint16(b[2:])), len(b))
	head := min(int(b[0]&15)*4, end)
	if binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
		return Packet{Protocol: "fragment", Src: netip.AddrPortFrom(src, 0), Dst: netip.AddrPortFrom(dst, 0), Payload: clone(b[head:end])}
	}
	p := decodeTransport(b[9], src, dst, b[head:end])
	p.Fields.HopLimit, p.Fields.TrafficClass = b[8], b[1]
	return p
}

func decode6(b []byte) Packet {
	src, _ := netip.AddrFromSlice(b[8:24])
	dst, _ := netip.AddrFromSlice(b[24:40])
	end := min(40+int(binary.BigEndian.Uint16(b[4:])), len(b))
	next, rest := b[6], b[40:end]
	for next == unix.IPPROTO_HOPOPTS && len(rest) >= 8 {
		size := min(8+int(rest[1])*8, len(rest))
		next, rest = rest[0], rest[size:]
	}
	p := decodeTransport(next, src, dst, rest)
	p.Fields.HopLimit, p.Fields.TrafficClass = b[7], b[0]<<4|b[1]>>4
	return p
}

func decodeTransport(protocol byte, src, dst netip.Addr, b []byte) Packet {
	p := Packet{Src: netip.AddrPortFrom(src, 0), Dst: netip.AddrPortFrom(dst, 0)}
	ports := func() {
		p.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b))
		p.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	}
	switch {
	case protocol == unix.IPPROTO_TCP && len(b) >= 20:
		ports()
		p.Protocol, p.Flags = "tcp", Flags(b[13])
		p.Seq, p.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
		head := max(20, min(int(b[12]>>4)*4, len(b)))
		p.Payload = clone(b[head:])
		p.Fields = Fields{Segment: segmentSize(b[20:head]), Window: binary.BigEndian.Uint16(b[14:])}
	case protocol == unix.IPPROTO_UDP && len(b) >= 8:
		ports()
		p.Protocol, p.Payload = "udp", clone(b[8:])
	case protocol == unix.IPPROTO_ICMP && len(b) >= 8:
		p.Protocol, p.Type, p.Payload = "icmp", b[0], clone(b[8:])
	case protocol == unix.IPPROTO_ICMPV6 && len(b) >= 8:
		p.Protocol, p.Type, p.Payload = "icmp6", b[0], clone(b[8:])
	default:
		p.Protocol, p.Payload = fmt.Sprint(protocol), clone(b)
	}
	return p
}

// segmentSize finds the option of that name (kind 2) among TCP's; 0: it is not there.
func segmentSize(options []byte) uint16 {
	for len(options) > 1 {
		kind, size := options[0], int(options[1])
		switch {
		case kind == 0:
			return 0
		case kind == 1:
			size = 1
		case size < 2 || size > len(options):
			return 0
		case kind == 2 && size == 4:
			return binary.BigEndian.Uint16(options[2:])
		}
		options = options[size:]
	}
	return 0
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

package dropped

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// Protocols by their numbers (IANA), of packets and of IPv6's extension headers.
const (
	hopByHop, tcp, udp, routing, fragment, ah, icmpv6, options, dccp, sctp = 0, 6, 17, 43, 44, 51, 58, 60, 33, 132

	icmp = 1
)

// Packet is what is kept of a packet that a rule dropped: packets to the same place are equal.
type Packet struct {
	Rule     string     // that dropped it
	Protocol uint8      // IANA's number
	Address  netip.Addr // of the other end
	Port     uint16     // of the receiver; 0: the protocol has none, or the packet does not show it
}

// Parse reads the beginning of an IP packet that a rule dropped. ok is false if it is no such packet, and for what the kernel sends by itself about
// its own link (router solicitations and multicast reports of IPv6 to link-local groups), which no process asked for.
func Parse(rule string, packet []byte) (p Packet, ok bool) {
	if len(packet) == 0 {
		return Packet{}, false
	}
	var source, destination netip.Addr
	var rest []byte
	p.Rule = rule
	switch packet[0] >> 4 {
	case 4:
		source, destination, rest, ok = p.header4(packet)
	case 6:
		source, destination, rest, ok = p.header6(packet)
	}
	if !ok || p.Protocol == icmpv6 && destination.IsLinkLocalMulticast() {
		return Packet{}, false
	}
	p.Address = destination
	if p.incoming() {
		p.Address = source
	}
	switch p.Protocol {
	case tcp, udp, dccp, sctp:
		if len(rest) >= 4 {
			p.Port = binary.BigEndian.Uint16(rest[2:])
		}
	}
	return p, true
}

// header4 reads a header of IPv4; rest is what follows it, empty in later fragments.
func (p *Packet) header4(packet []byte) (source, destination netip.Addr, rest []byte, ok bool) {
	length := int(packet[0]&15) * 4
	if length < 20 || len(packet) < 20 {
		return source, destination, nil, false
	}
	p.Protocol = packet[9]
	if binary.BigEndian.Uint16(packet[6:])&0x1fff == 0 {
		rest = packet[min(length, len(packet)):]
	}
	return netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:])), rest, true
}

// header6 reads a header of IPv6 and the extension headers after it, as far as they are there.
func (p *Packet) header6(packet []byte) (source, destination netip.Addr, rest []byte, ok bool) {
	if len(packet) < 40 {
		return source, destination, nil, false
	}
	p.Protocol, rest = packet[6], packet[40:]
	source, destination = netip.AddrFrom16([16]byte(packet[8:])), netip.AddrFrom16([16]byte(packet[24:]))
	for len(rest) >= 8 {
		length := 8 + 8*int(rest[1])
		switch p.Protocol {
		case fragment:
			if length = 8; binary.BigEndian.Uint16(rest[2:])&^7 != 0 {
				p.Protocol = rest[0]
				return source, destination, nil, true
			}
		case ah:
			length = 8 + 4*int(rest[1])
		case hopByHop, routing, options:
		default:
			return source, destination, rest, true
		}
		p.Protocol, rest = rest[0], rest[min(length, len(rest)):]
	}
	return source, destination, rest, true
}

// incoming reports whether the packet came from outside.
func (p Packet) incoming() bool { return strings.HasPrefix(p.Rule, "ds-in-") }

// protocol is the protocol's name, or its number.
func (p Packet) protocol() string {
	names := map[uint8]string{icmp: "ICMP", tcp: "TCP", udp: "UDP", dccp: "DCCP", icmpv6: "ICMPv6", sctp: "SCTP"}
	if name, known := names[p.Protocol]; known {
		return name
	}
	return strconv.Itoa(int(p.Protocol))
}

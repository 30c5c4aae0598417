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

// Parse reads the beginning of an IP packet that a rule dropped. ipv6 is how the kernel treats it: the version in its header is what a raw socket wrote
// there. ok is false if it has no whole header, and for what the kernel sends by itself about its own link, which no process asked for.
func Parse(rule string, ipv6 bool, packet []byte) (p Packet, ok bool) {
	header := p.header4
	if ipv6 {
		header = p.header6
	}
	source, destination, rest, ok := header(packet)
	if !ok || p.Protocol == icmpv6 && destination.IsLinkLocalMulticast() && ofLink(rest) {
		return Packet{}, false
	}
	p.Rule = rule
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

// ofLink reports whether a message of ICMPv6 is one about a link: multicast listeners and routers. Echo requests are of processes.
func ofLink(message []byte) bool {
	return len(message) > 0 && (message[0] >= 130 && message[0] <= 134 || message[0] == 143)
}

// header4 reads a header of IPv4; rest is what follows it, empty in later fragments and if the header's length is shorter than a header.
func (p *Packet) header4(packet []byte) (source, destination netip.Addr, rest []byte, ok bool) {
	if len(packet) < 20 {
		return source, destination, nil, false
	}
	length := int(packet[0]&15) * 4
	p.Protocol = packet[9]
	if length >= 20 && binary.BigEndian.Uint16(packet[6:])&0x1fff == 0 {
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

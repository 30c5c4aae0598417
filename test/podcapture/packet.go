package podcapture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Ethernet types and ICMPv6 message types that Parse and Judge tell apart (IEEE 802, RFC 4861).
const (
	etherIPv4, etherARP, etherIPv6 = 0x0800, 0x0806, 0x86dd

	ndSolicitation, ndAdvertisement = 135, 136

	arpSize       = 28     // for Ethernet and IPv4
	discoverySize = 24 + 8 // a target and one link-layer address

	flagSYN, flagRST, flagACK = 0x02, 0x04, 0x10
)

var errShort = errors.New("frame is too short")

// Packet is what Judge needs to know of one captured frame.
type Packet struct {
	Out      bool // left the pod
	Ether    uint16
	Protocol uint8 // of the IP header, after IPv6 extension headers; 0 for other frames
	Src, Dst netip.AddrPort
	Flags    uint8   // TCP
	ICMP     uint8   // ICMP or ICMPv6 message type
	Fragment bool    // not the first fragment: ports are unknown
	Short    bool    // the headers do not fit in: what Parse could read of it is here
	Long     bool    // neighbour discovery with more in it than there has to be (RFC 826, RFC 4861)
	Senders  []Owner // of a datagram: who had sockets with its port when it was seen; none: they were closed by then
}

// String is "tcp 192.0.2.1:40000 > 192.0.2.2:80".
func (p Packet) String() string {
	name := map[uint8]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp", unix.IPPROTO_ICMP: "icmp",
		unix.IPPROTO_ICMPV6: "icmpv6"}[p.Protocol]
	switch {
	case !p.Src.IsValid():
		return fmt.Sprintf("ethernet type %#04x", p.Ether)
	case p.Protocol == unix.IPPROTO_ICMP || p.Protocol == unix.IPPROTO_ICMPV6:
		return fmt.Sprintf("%s type %d %s > %s", name, p.ICMP, p.Src.Addr(), p.Dst.Addr())
	case name == "":
		return fmt.Sprintf("IP protocol %d %s > %s", p.Protocol, p.Src.Addr(), p.Dst.Addr())
	}
	return fmt.Sprintf("%s %s > %s", name, p.Src, p.Dst)
}

// Parse reads an Ethernet frame, of which only the first hundred bytes or so are needed.
func Parse(frame []byte) (Packet, error) {
	if len(frame) < 14 {
		return Packet{}, errShort
	}
	p := Packet{Ether: binary.BigEndian.Uint16(frame[12:])}
	switch p.Ether {
	case etherIPv4:
		return p, p.ipv4(frame[14:])
	case etherIPv6:
		return p, p.ipv6(frame[14:])
	case etherARP:
		p.Long = len(bytes.TrimRight(frame, "\x00")) > 14+arpSize // a link may add zeros
	}
	return p, nil
}

func (p *Packet) ipv4(b []byte) error {
	if len(b) < 20 {
		return errShort
	}
	p.Protocol = b[9]
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	p.Fragment = binary.BigEndian.Uint16(b[6:])&0x1fff != 0
	return p.transport(src, dst, b, int(b[0]&0xf)*4)
}

// ipv6 walks the extension headers that have the common form (RFC 8200 section 4) and the fragment header.
func (p *Packet) ipv6(b []byte) error {
	if len(b) < 40 {
		return errShort
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	next, at := b[6], 40
	for {
		switch next {
		case unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_DSTOPTS:
			if len(b) < at+8 {
				return errShort
			}
			next, at = b[at], at+8*(1+int(b[at+1]))
		case unix.IPPROTO_FRAGMENT:
			if len(b) < at+8 {
				return errShort
			}
			p.Fragment = p.Fragment || binary.BigEndian.Uint16(b[at+2:])&0xfff8 != 0
			next, at = b[at], at+8
		default:
			p.Protocol = next
			return p.transport(src, dst, b, at)
		}
	}
}

func (p *Packet) transport(src, dst netip.Addr, b []byte, at int) error {
	p.Src, p.Dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	if p.Fragment {
		return nil
	}
	switch p.Protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP:
		if len(b) < at+4 || p.Protocol == unix.IPPROTO_TCP && len(b) < at+14 {
			return errShort
		}
		p.Src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b[at:]))
		p.Dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[at+2:]))
		if p.Protocol == unix.IPPROTO_TCP {
			p.Flags = b[at+13]
		}
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		if len(b) < at+1 {
			return errShort
		}
		p.ICMP = b[at]
		p.Long = len(b)-at > discoverySize
	}
	return nil
}

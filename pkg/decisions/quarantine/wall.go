package quarantine

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
)

// Base is the header that a match's offset counts from.
type Base int

// The bases.
const (
	Frame  Base = iota // the frame's first byte
	Packet             // the first byte behind the frame's header
)

// Relation is how the bytes of a frame stand to those of a match.
type Relation int

// The relations. Bytes are compared in network order.
const (
	Equal Relation = iota
	AtLeast
	AtMost
)

// Match compares bytes of a frame. A frame that is too short does not match.
type Match struct {
	// Base and Offset are where the bytes begin; Offset counts bytes.
	Base   Base
	Offset int
	// Mask is what is looked at of the bytes, and as long as Value; nil: all.
	Mask     []byte
	Relation Relation
	// Value is what the bytes are compared with, in network order. Its length is the number of bytes.
	Value []byte
}

// Rule lets a frame pass that matches all.
type Rule struct {
	Reason  string
	Matches []Match
}

// Link is one interface of a quarantined pod, as its node sees it.
type Link struct {
	Pod   []netip.Addr       // the pod's addresses
	Node  []netip.Addr       // the source addresses from which the node sends to them
	Near  []netip.Addr       // the node's link-local addresses there
	MACs  []net.HardwareAddr // of the node, there: the other end of the link, and the bridge that it is a port of
	Ports [2]uint16          // the first and the last port that connections of the node come from
}

// Wall returns the rules that accept frames of a quarantined pod on the node's end of a link. The pod cannot change that end. They
// accept neighbour discovery with the node, and segments of connections that the node has opened; every other frame must be
// dropped. No rule accepts a frame that the node would forward: its destination is the node's own address in the frame and in the
// packet, it is not fragmented, and it has no options or headers that could redirect it.
func Wall(l Link) []Rule {
	var rules []Rule
	for _, mac := range l.MACs {
		to := Match{Base: Frame, Offset: 0, Value: mac}
		for _, pod := range l.Pod {
			if pod.Is4() {
				rules = append(rules, l.v4(to, pod)...)
			} else {
				rules = append(rules, l.v6(to, pod)...)
			}
		}
	}
	return rules
}

// The offsets are those of RFC 826 (ARP), RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP) and RFC 4861 (ICMPv6).
func (l Link) v4(to Match, pod netip.Addr) []Rule {
	rules := []Rule{{"ARP between the pod and its node.", []Match{to, kind(0x0806), at(14, pod.AsSlice()...)}}}
	for _, node := range l.Node {
		if node.Is4() {
			const header = 20
			rules = append(rules, Rule{"A segment of a connection that the node has opened, in IPv4.", slices.Concat([]Match{
				to, kind(0x0800),
				at(0, 0x45), // no options
				{Base: Packet, Offset: 6, Mask: []byte{0x3f, 0xff}, Value: []byte{0, 0}}, // no fragment
				at(9, 6), at(12, pod.AsSlice()...), at(16, node.AsSlice()...),
			}, l.answer(header))})
		}
	}
	return rules
}

func (l Link) v6(to Match, pod netip.Addr) []Rule {
	const header = 40
	var rules []Rule
	for _, node := range slices.Concat(l.Node, l.Near) {
		if !node.Is6() {
			continue
		}
		ends := []Match{to, kind(0x86dd), at(8, pod.AsSlice()...), at(24, node.AsSlice()...)}
		discovery := slices.Concat(ends, []Match{at(6, 58), at(7, 255)}) // hop limit 255: no router has forwarded it
		if slices.Contains(l.Node, node) {
			rules = append(rules, Rule{"A segment of a connection that the node has opened, in IPv6.", slices.Concat(ends, []Match{at(6, 6)}, l.answer(header))})
		}
		rules = append(rules,
			Rule{"A neighbour solicitation to the node.", slices.Concat(discovery, []Match{at(header, 135)})},
			// Only for its own address, so that the pod cannot claim another pod's.
			Rule{"The pod's neighbour advertisement to the node.", slices.Concat(discovery, []Match{at(header, 136), at(header+8, pod.AsSlice()...)})})
	}
	return rules
}

// answer matches segments that open no connection, to a port from which the node opens some: no service of the node has
// such a port.
func (l Link) answer(header int) []Match {
	const ack = 0x10
	return []Match{
		{Base: Packet, Offset: header + 13, Mask: []byte{ack}, Value: []byte{ack}},
		{Base: Packet, Offset: header + 2, Relation: AtLeast, Value: binary.BigEndian.AppendUint16(nil, l.Ports[0])},
		{Base: Packet, Offset: header + 2, Relation: AtMost, Value: binary.BigEndian.AppendUint16(nil, l.Ports[1])},
	}
}

// kind matches the frame's type. A frame with a VLAN's tag has another.
func kind(number uint16) Match {
	return Match{Base: Frame, Offset: 12, Value: binary.BigEndian.AppendUint16(nil, number)}
}

func at(offset int, value ...byte) Match { return Match{Base: Packet, Offset: offset, Value: value} }

// passes reports whether the rules accept a frame. Tests use it to evaluate the rules without a kernel.
func passes(rules []Rule, frame []byte) bool {
	for _, r := range rules {
		if r.matches(frame) {
			return true
		}
	}
	return false
}

func (r Rule) matches(frame []byte) bool {
	for _, m := range r.Matches {
		if !m.matches(frame) {
			return false
		}
	}
	return true
}

func (m Match) matches(frame []byte) bool {
	const header = 14
	offset := m.Offset
	if m.Base == Packet {
		offset += header
	}
	if len(frame) < offset+len(m.Value) {
		return false
	}
	have := bytes.Clone(frame[offset : offset+len(m.Value)])
	for i := range m.Mask {
		have[i] &= m.Mask[i]
	}
	switch order := bytes.Compare(have, m.Value); m.Relation {
	case AtLeast:
		return order >= 0
	case AtMost:
		return order <= 0
	default:
		return order == 0
	}
}

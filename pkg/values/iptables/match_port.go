package iptables

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// PortList is a list of port ranges, packed so that it can be compared with ==. PortsOf makes it.
type PortList string

// PortsOf returns the list. The kernel takes at most 15 numbers in one rule, of which a range takes two (xt_multiport).
func PortsOf(ranges ...PortRange) PortList {
	packed := make([]byte, 0, 4*len(ranges))
	for _, r := range ranges {
		packed = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(packed, r.First), r.Last)
	}
	return PortList(packed)
}

// Numbers returns the list of single ports.
func Numbers(ports ...uint16) PortList {
	ranges := make([]PortRange, len(ports))
	for i, n := range ports {
		ranges[i] = OnePort(n)
	}
	return PortsOf(ranges...)
}

func (l PortList) join(separator string) string {
	packed, texts := []byte(l), make([]string, 0, len(l)/4)
	for ; len(packed) >= 4; packed = packed[4:] {
		texts = append(texts, PortRange{binary.BigEndian.Uint16(packed), binary.BigEndian.Uint16(packed[2:])}.String())
	}
	return strings.Join(texts, separator)
}

// Port matches packets of a transport protocol by one range of ports, with that protocol's own match.
type Port struct {
	Protocol Protocol
	End      End
	Range    PortRange
}

// Prose is the range.
func (m Port) Prose(Names) string { return m.End.pick("from port ", "to port ") + m.Range.String() }

func (m Port) words(to []string) []string {
	return extension(to, string(m.Protocol), false, m.End.pick("--sport", "--dport"), m.Range.String())
}

// Multiport matches packets by a list of ports.
type Multiport struct {
	End   End
	Ports PortList
	Not   bool
}

// Prose is the list.
func (m Multiport) Prose(Names) string {
	return negated(m.Not, m.End.pick("from port ", "to port ")+m.Ports.join(", "))
}

func (m Multiport) words(to []string) []string {
	return extension(to, "multiport", m.Not, m.End.pick("--sports", "--dports"), m.Ports.join(","))
}

// Flag is one of TCP's flags, or several.
type Flag uint8

// The flags, as the header has them.
const (
	FIN Flag = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
)

// each returns the names of the flags, in the order in which iptables-save prints them.
func (f Flag) each() []string {
	var names []string
	for i, name := range []string{"FIN", "SYN", "RST", "PSH", "ACK", "URG"} {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// TCPFlags matches TCP segments of which, among the flags Of, exactly those in Set are set.
type TCPFlags struct {
	Of, Set Flag
	Not     bool  // the flags are others
	Option  uint8 // and the segment has this TCP option; 0: whether or not
}

// Prose lists the flags that are set, and those that are not.
func (m TCPFlags) Prose(Names) string {
	text := "with " + strings.Join(m.Set.each(), " and ")
	if unset := (m.Of &^ m.Set).each(); len(unset) > 0 {
		text += " and without " + strings.Join(unset, " or ")
	}
	if m.Option != 0 {
		text += " and with TCP option " + strconv.Itoa(int(m.Option))
	}
	return negated(m.Not, text)
}

func (m TCPFlags) words(to []string) []string {
	to = extension(to, "tcp", m.Not, "--tcp-flags", strings.Join(m.Of.each(), ","), strings.Join(m.Set.each(), ","))
	if m.Option != 0 {
		to = append(to, "--tcp-option", strconv.Itoa(int(m.Option)))
	}
	return to
}

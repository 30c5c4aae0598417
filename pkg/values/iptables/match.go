package iptables

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Match is one condition of a rule. The types of this package are all there are; values are comparable with ==.
type Match interface {
	// Prose returns the condition in English, as one item of a list ("TCP", "to port 53").
	Prose(names Names) string
	// words appends the condition as iptables-restore reads it, in the order in which iptables-save prints it.
	words(to []string) []string
}

// Protocol matches packets of a transport protocol (-p), by iptables' name for it.
type Protocol string

// The protocols that rules name.
const (
	TCP    Protocol = "tcp"
	UDP    Protocol = "udp"
	SCTP   Protocol = "sctp"
	ICMP   Protocol = "icmp"
	ICMPv6 Protocol = "ipv6-icmp"
)

// Prose is the protocol's usual name.
func (p Protocol) Prose(Names) string {
	if p == ICMPv6 {
		return "ICMPv6"
	}
	return strings.ToUpper(string(p))
}

func (p Protocol) words(to []string) []string { return append(to, "-p", string(p)) }

// In matches packets that arrive by an interface (-i).
type In struct {
	Interface string
	Not       bool
}

// Prose names the interface.
func (m In) Prose(Names) string { return negated(m.Not, "in by `"+m.Interface+"`") }

func (m In) words(to []string) []string { return option(to, m.Not, "-i", m.Interface) }

// Out matches packets that leave by an interface (-o).
type Out struct {
	Interface string
	Not       bool
}

// Prose names the interface.
func (m Out) Prose(Names) string { return negated(m.Not, "out by `"+m.Interface+"`") }

func (m Out) words(to []string) []string { return option(to, m.Not, "-o", m.Interface) }

// Address matches packets by their source or destination (-s, -d).
type Address struct {
	End    End
	Prefix netip.Prefix
	Not    bool
}

// Prose names the prefix.
func (m Address) Prose(Names) string {
	return negated(m.Not, m.End.pick("from ", "to ")+m.Prefix.String())
}

func (m Address) words(to []string) []string {
	return option(to, m.Not, m.End.pick("-s", "-d"), m.Prefix.String())
}

// AddressBits matches packets of whose source or destination the bits in Mask are those of Bits: a mask with holes.
type AddressBits struct {
	End        End
	Bits, Mask netip.Addr
}

// Prose shows the bits and the mask.
func (m AddressBits) Prose(Names) string {
	return m.End.pick("from ", "to ") + "addresses whose bits " + m.Mask.String() + " are " + m.Bits.String()
}

func (m AddressBits) words(to []string) []string {
	return append(to, m.End.pick("-s", "-d"), m.Bits.String()+"/"+m.Mask.String())
}

// ICMPv6Type matches ICMPv6 packets of a type; the protocol comes before it.
type ICMPv6Type uint8

// Prose is the type's number.
func (m ICMPv6Type) Prose(Names) string { return "type " + strconv.Itoa(int(m)) }

func (m ICMPv6Type) words(to []string) []string {
	return extension(to, "icmp6", false, "--icmpv6-type", strconv.Itoa(int(m)))
}

// HopLimit matches IPv6 packets with exactly this hop limit.
type HopLimit uint8

// Prose is the hop limit.
func (m HopLimit) Prose(Names) string { return "hop limit " + strconv.Itoa(int(m)) }

func (m HopLimit) words(to []string) []string {
	return extension(to, "hl", false, "--hl-eq", strconv.Itoa(int(m)))
}

// Length matches packets by their length in bytes, IP header included; Min and Max are both in the range.
type Length struct{ Min, Max uint16 }

// Prose is the length or the range.
func (m Length) Prose(Names) string {
	if m.Min == m.Max {
		return fmt.Sprintf("of %d bytes", m.Min)
	}
	return fmt.Sprintf("of %d to %d bytes", m.Min, m.Max)
}

func (m Length) words(to []string) []string {
	return extension(to, "length", false, "--length", PortRange{m.Min, m.Max}.String())
}

// Limit matches at most so many packets a second.
type Limit struct{ PerSecond int }

// Prose is the rate.
func (m Limit) Prose(Names) string { return fmt.Sprintf("at most %d a second", m.PerSecond) }

func (m Limit) words(to []string) []string {
	return extension(to, "limit", false, "--limit", strconv.Itoa(m.PerSecond)+"/sec")
}

package ipset

import (
	"fmt"
	"net/netip"
	"strings"
)

// Type is what a set's entries are made of (ipset(8), SET TYPES).
type Type string

// The types in use.
const (
	IP     Type = "hash:ip"      // single addresses
	Net    Type = "hash:net"     // prefixes; the kernel refuses /0
	IPPort Type = "hash:ip,port" // an address with a protocol and a port
)

// Family is a set's address family.
type Family string

// The families, by the names of ipset(8).
const (
	V4 Family = "inet"
	V6 Family = "inet6"
)

// familyOf tells the family of an address.
func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return V4
	}
	return V6
}

// maxElements bounds a set: more pods than any cluster has. The kernel's own default is 65,536.
const maxElements = 1 << 20

// Entry is one member. It is comparable: equal entries are the same member.
type Entry struct {
	Prefix   netip.Prefix // one address in sets of IP and IPPort
	Protocol string       // IPPort only: "tcp", "udp" or "sctp"
	Port     uint16       // IPPort only
}

// Address is the entry of a single address.
func Address(a netip.Addr) Entry { return Entry{Prefix: netip.PrefixFrom(a, a.BitLen())} }

// Family is the entry's address family.
func (e Entry) Family() Family { return familyOf(e.Prefix.Addr()) }

// String is the entry as ipset(8) prints it.
func (e Entry) String() string {
	text := e.Prefix.String()
	if e.Prefix.IsSingleIP() {
		text = e.Prefix.Addr().String()
	}
	if e.Protocol != "" {
		text += fmt.Sprintf(",%s:%d", e.Protocol, e.Port)
	}
	return text
}

// Halves splits a prefix that the kernel cannot hold: /0 becomes the two halves of the address space.
func Halves(p netip.Prefix) []netip.Prefix {
	if p.Bits() != 0 {
		return []netip.Prefix{p}
	}
	if p.Addr().Is4() {
		return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}
	}
	return []netip.Prefix{netip.MustParsePrefix("::/1"), netip.MustParsePrefix("8000::/1")}
}

// Set is a set with its members.
type Set struct {
	Name    string // at most MaxName bytes
	Type    Type
	Family  Family
	Entries []Entry
}

// MaxName is the longest name that the kernel takes (IPSET_MAXNAMELEN less its final zero).
const MaxName = 31

// Verb is what an Op does.
type Verb string

// The verbs of ipset(8) restore.
const (
	Create  Verb = "create"
	Add     Verb = "add"
	Del     Verb = "del"
	Destroy Verb = "destroy"
)

// Op is one line of ipset(8) restore.
type Op struct {
	Verb   Verb
	Set    string
	Type   Type   // Create only
	Family Family // Create only
	Entry  Entry  // Add and Del only
}

// String is the line; a set that is made is emptied as well, for -exist keeps one that is there.
func (o Op) String() string {
	switch o.Verb {
	case Create:
		return fmt.Sprintf("create %s %s family %s maxelem %d\nflush %s", o.Set, o.Type, o.Family, maxElements, o.Set)
	case Add, Del:
		return fmt.Sprintf("%s %s %s", o.Verb, o.Set, o.Entry)
	default:
		return fmt.Sprintf("%s %s", o.Verb, o.Set)
	}
}

// Make is the lines that make the set with its members.
func (s Set) Make() []Op {
	ops := make([]Op, 0, len(s.Entries)+1)
	ops = append(ops, Op{Verb: Create, Set: s.Name, Type: s.Type, Family: s.Family})
	for _, e := range s.Entries {
		ops = append(ops, Op{Verb: Add, Set: s.Name, Entry: e})
	}
	return ops
}

// Restore renders operations as ipset(8) restore reads them. They take effect one by one, in order.
func Restore(ops []Op) string {
	var b strings.Builder
	for _, o := range ops {
		b.WriteString(o.String())
		b.WriteByte('\n')
	}
	return b.String()
}

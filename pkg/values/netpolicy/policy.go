package netpolicy

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
)

// Policy is a NetworkPolicy with every default filled in.
type Policy struct {
	Key
	Target Selector
	// Audited selects the pods that the policy would select, in mode Audit, in which Target selects none. Otherwise it is nil.
	Audited *Selector
	Ingress Side
	Egress  Side
}

// Side is one direction of a policy.
type Side struct {
	Isolates bool // the policy judges this direction of the pods that it selects
	Rules    []Rule
}

// Rule allows what comes from (goes to) any of its peers on any of its ports.
type Rule struct {
	AnyPeer, AnyPort bool
	Peers            []Peer // in the policy's order; ignored with AnyPeer
	Ports            []Port // in the policy's order; ignored with AnyPort
}

// Peer is a group of pods or a block of addresses. The zero Peer matches no address.
type Peer struct {
	Block *Block // if set, the rest does not count

	Pods       *Selector
	Namespaces *Selector // nil: the policy's own namespace
}

// Block is CIDR without what is in Except.
type Block struct {
	CIDR   netip.Prefix
	Except []netip.Prefix
}

// Port is a range of ports of one protocol. The zero Port matches no port.
type Port struct {
	Protocol    Protocol // "" matches nothing
	Name        string   // a named port; then First and Last do not count
	First, Last uint16   // inclusive; 0 and 65535: every port
}

// Every reports whether it is every port of its protocol.
func (p Port) Every() bool { return p.Name == "" && p.First == 0 && p.Last == 65535 }

// Equal reports whether the two say the same.
func (p Policy) Equal(q Policy) bool { return reflect.DeepEqual(p, q) }

// Contains reports whether the block contains the address. An address of the other family is outside.
func (b Block) Contains(a netip.Addr) bool {
	if !b.CIDR.Contains(a) {
		return false
	}
	for _, e := range b.Except {
		if e.Contains(a) {
			return false
		}
	}
	return true
}

// String is the block as people write it.
func (b Block) String() string {
	if len(b.Except) == 0 {
		return b.CIDR.String()
	}
	texts := make([]string, len(b.Except))
	for i, e := range b.Except {
		texts[i] = e.String()
	}
	return b.CIDR.String() + except + strings.Join(texts, ",")
}

// String is the peer in words.
func (p Peer) String() string {
	if p.Block != nil {
		return p.Block.String()
	}
	if p.Pods == nil {
		return nobody
	}
	text := "pods " + orAll(*p.Pods)
	if p.Namespaces != nil {
		text += within + orAll(*p.Namespaces)
	}
	return text
}

// String is the port in words.
func (p Port) String() string {
	switch {
	case p.Protocol == "":
		return noPort
	case p.Name != "":
		return string(p.Protocol) + "/" + p.Name
	case p.Every():
		return string(p.Protocol)
	case p.First == p.Last:
		return fmt.Sprintf("%s/%d", p.Protocol, p.First)
	}
	return fmt.Sprintf("%s/%d-%d", p.Protocol, p.First, p.Last)
}

func orAll(s Selector) string {
	if s.All() {
		return every
	}
	return s.String()
}

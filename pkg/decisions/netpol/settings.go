package netpol

import (
	"fmt"
	"math/bits"
	"net/netip"

	"data-space.liqo.io/pkg/values/iptables"
)

// Denial is what becomes of a packet that no policy allows.
type Denial string

// The denials.
const (
	Reject Denial = "REJECT" // the sender is told: a TCP reset, an ICMP error for the rest
	Drop   Denial = "DROP"   // the sender waits
)

// Unknown says which addresses are closed while no pod is known that holds them.
type Unknown string

// What is closed while unknown. A pod runs a moment before the API tells its address; only addresses in
// Settings.PodCIDRs can be told from others.
const (
	UnknownOpen    Unknown = "Never"
	UnknownForeign Unknown = "Foreign" // while a pod of a foreign namespace starts on this node
	UnknownClosed  Unknown = "Always"
)

// Settings is what differs between nodes.
type Settings struct {
	Node      string         // name of the node whose pods are judged
	IPv6      bool           // the kernel has IPv6
	Denial    Denial         // Reject by default
	Unknown   Unknown        // UnknownForeign by default
	PodCIDRs  []netip.Prefix // where this node's pods get their addresses; empty: unknown addresses stay open
	MarkBits  [2]uint32      // one bit for egress, one for ingress; nobody else's. 0: the default
	LogGroup  uint16         // NFLOG group that denials are logged to
	LogPerSec int            // at most so many log entries a second and reason; 10 by default
	NoLog     bool           // count denials, but log none
	LeafPods  int            // so many pods share one leaf of the dispatch tree at most; 8 by default
}

// DefaultMarks are two bits that Calico, kube-proxy, the portmap plugin, the AWS CNI, Antrea, Weave Net and Tailscale leave
// alone, and Cilium outside of its magic numbers (docs/network-policy.md).
const DefaultMarks = 1<<6 | 1<<12

// MarkBits splits a mask of two bits into the bit for egress and the bit for ingress.
func MarkBits(mask uint32) ([2]uint32, error) {
	if bits.OnesCount32(mask) != 2 {
		return [2]uint32{}, fmt.Errorf("%#x has %d bits, not two", mask, bits.OnesCount32(mask))
	}
	low := mask & -mask
	return [2]uint32{low, mask &^ low}, nil
}

// Marks are the mark bits that the filter uses, as a mask.
func (s Settings) Marks() uint32 {
	s = s.withDefaults()
	return s.MarkBits[egress] | s.MarkBits[ingress]
}

func (s Settings) withDefaults() Settings {
	if s.Denial == "" {
		s.Denial = Reject
	}
	if s.Unknown == "" {
		s.Unknown = UnknownForeign
	}
	if s.MarkBits == [2]uint32{} {
		s.MarkBits, _ = MarkBits(DefaultMarks)
	}
	if s.LogPerSec == 0 {
		s.LogPerSec = 10
	}
	if s.LeafPods == 0 {
		s.LeafPods = 8
	}
	return s
}

func (s Settings) families() []iptables.Family {
	if s.IPv6 {
		return []iptables.Family{iptables.V4, iptables.V6}
	}
	return []iptables.Family{iptables.V4}
}

// closes reports whether unknown addresses may ever be closed.
func (s Settings) closes() bool { return s.Unknown != UnknownOpen && len(s.PodCIDRs) > 0 }

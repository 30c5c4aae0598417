package netpol

import (
	"fmt"
	"math/bits"
	"net/netip"

	"data-space.liqo.io/pkg/values/iptables"
)

// Denial is the target for a packet that no policy allows.
type Denial string

// The denials.
const (
	Reject Denial = "REJECT" // a TCP reset; an ICMP error for other protocols
	Drop   Denial = "DROP"   // no answer
)

// Unknown is the setting for addresses that no known pod holds.
type Unknown string

// The values of Unknown. A pod runs for a moment before its status has an address. Only addresses in Settings.PodCIDRs are
// closed: other addresses do not belong to pods.
const (
	UnknownOpen    Unknown = "Never"
	UnknownForeign Unknown = "Foreign" // while a pod of a foreign namespace starts on this node
	UnknownClosed  Unknown = "Always"
)

// Settings are the values that differ between nodes.
type Settings struct {
	Node      string         // name of the node whose pods are evaluated
	IPv6      bool           // the kernel has IPv6
	Denial    Denial         // Reject by default
	Unknown   Unknown        // UnknownForeign by default
	PodCIDRs  []netip.Prefix // prefixes of this node's pods; empty: unknown addresses stay open
	MarkBits  [2]uint32      // one bit for egress, one for ingress, unused by other programs; 0: the default
	LogGroup  uint16         // NFLOG group that denials are logged to
	LogPerSec int            // limit of log entries per second and reason; 10 by default
	NoLog     bool           // count denials, but log none
	LeafPods  int            // limit of pods per leaf of the tree; 8 by default
}

// DefaultMarks are two bits that Calico, kube-proxy, the portmap plugin, the AWS CNI, Antrea, Weave Net and Tailscale do not
// use. Cilium uses them only in its magic numbers (docs/network-policy.md).
const DefaultMarks = 1<<6 | 1<<12

// MarkBits splits a mask of two bits into the bit for egress and the bit for ingress.
func MarkBits(mask uint32) ([2]uint32, error) {
	if bits.OnesCount32(mask) != 2 {
		return [2]uint32{}, fmt.Errorf("%#x has %d bits, not two", mask, bits.OnesCount32(mask))
	}
	low := mask & -mask
	return [2]uint32{low, mask &^ low}, nil
}

// Marks returns the mark bits that the filter uses, as a mask.
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

// closes reports whether the filter can close unknown addresses.
func (s Settings) closes() bool { return s.Unknown != UnknownOpen && len(s.PodCIDRs) > 0 }

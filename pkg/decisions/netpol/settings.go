package netpol

import (
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

func (s Settings) withDefaults() Settings {
	if s.Denial == "" {
		s.Denial = Reject
	}
	if s.Unknown == "" {
		s.Unknown = UnknownForeign
	}
	if s.MarkBits == [2]uint32{} {
		s.MarkBits = [2]uint32{1 << 24, 1 << 25}
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

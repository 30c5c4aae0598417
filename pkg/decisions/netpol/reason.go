package netpol

// Reason is why a packet is refused.
type Reason string

// The reasons.
const (
	NoEgress  Reason = "egress"      // no policy that judges the sender's egress allows it
	NoIngress Reason = "ingress"     // no policy that judges the receiver's ingress allows it
	Midway    Reason = "midway"      // a segment of a connection that conntrack has forgotten
	Invalid   Reason = "invalid"     // conntrack cannot place it
	NoPod     Reason = "unknown-pod" // no known pod has the address
)

// Refuses reports whether the chain refuses what comes to it, and why.
func Refuses(chain string) (Reason, bool) {
	r, ok := map[string]Reason{
		egress.refuseChain(): NoEgress, ingress.refuseChain(): NoIngress,
		chainMidway: Midway, chainInvalid: Invalid, chainUnknown: NoPod,
	}[chain]
	return r, ok
}

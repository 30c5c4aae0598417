package netpol

// Reason is the reason why a packet is refused. It is a label of metrics.
type Reason string

// The reasons.
const (
	NoEgress  Reason = "egress"      // no policy allows the sender's egress
	NoIngress Reason = "ingress"     // no policy allows the receiver's ingress
	Midway    Reason = "midway"      // a TCP segment of a connection that conntrack does not have
	Invalid   Reason = "invalid"     // conntrack state INVALID
	NoPod     Reason = "unknown-pod" // no known pod holds the address
)

// Refuses reports whether the chain refuses every packet, and for which reason.
func Refuses(chain string) (Reason, bool) {
	r, ok := map[string]Reason{
		egress.refuseChain(): NoEgress, ingress.refuseChain(): NoIngress,
		chainMidway: Midway, chainInvalid: Invalid, chainUnknown: NoPod,
	}[chain]
	return r, ok
}

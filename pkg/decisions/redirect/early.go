package redirect

import (
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
)

const (
	// earlyPackets is up to which packet of the caller's the end of its side is early: the handshake's two, its first bytes, and the end
	// itself, which its kernel sends again after 0.2 s.
	earlyPackets = 5
	// unansweredPackets is how many the caller has got by then: the handshake's one, and one for its first bytes.
	unansweredPackets = 2
)

// mangleInput holds back the end of a side for some 0.4 s. Envoy closes a connection that ends before it has looked at its first bytes,
// and has no setting for that. A caller that has closed its socket does not notice.
func (p planner) mangleInput() []iptables.Rule {
	if !p.counts {
		return nil
	}
	ends := iptables.TCPFlags{Of: iptables.FIN | iptables.RST, Set: iptables.FIN}
	return []iptables.Rule{
		rule("early-end", "The caller ends its side (FIN) before the proxy has seen what the connection is, and before any answer. The kernel sends the end again, and then the proxy passes it on. Without the rule the proxy closes the connection.",
			matches{iptables.TCP, toPorts(apis.PortEgressTCP, apis.PortIngressTCP), ends,
				iptables.Packets{UpTo: earlyPackets}, iptables.Packets{UpTo: unansweredPackets, Reply: true}}, iptables.Drop),
	}
}

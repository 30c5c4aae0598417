package ruleview

import "strings"

// promise is what the rules whose names begin so keep.
type promise struct{ prefix, keeps string }

// promises are those of all rules in pods, the more specific names first.
func promises() []promise {
	const (
		noExit    = "Nothing leaves the pod except by the proxy's sockets."
		noEntry   = "Nothing enters the pod except through its proxy."
		own       = "Only the proxy's own connections, known by its control group and its user, pass."
		recorded  = "Every TCP connection passes the proxy, and is in the record."
		imposter  = "No other process acts as the proxy, root in the pod included."
		refusal   = "Callers get the kernel's refusal, which carries no data."
		neighbour = "The next hop is found; the packets carry no data of the pod's."
		inside    = "Processes of the pod reach each other."
		once      = "What passed the proxy is not led to it again."
	)
	return []promise{
		{"ds-in-impostor", imposter}, {"ds-out-impersonation", imposter}, {"ds-out-stranger", imposter},
		{"ds-in-neighbour", neighbour}, {"ds-out-neighbour", neighbour}, {"ds-wire-neighbour", neighbour},
		{"ds-in-loopback", inside}, {"ds-out-loopback", inside}, {"ds-wire-loopback", inside},
		{"ds-in-refuse", refusal}, {"ds-refuse", refusal}, {"ds-out-kernel", refusal},
		{"ds-in-redirected", recorded}, {"ds-out-redirected", recorded}, {"ds-nat-out-tcp", recorded}, {"ds-nat-out-self", recorded},
		{"ds-nat-out-dns", "Every name is looked up at the guests' resolver, whatever server the pod names."},
		{"ds-nat-in-own", noEntry}, {"ds-nat-in", recorded}, {"ds-nat-out", once},
		{"ds-in-ready", "The kubelet learns whether the proxy is ready."},
		{"ds-early-end", "A client that ends its side of a connection at once still gets its answer."},
		{"ds-out-proxy", own}, {"ds-mark", own}, {"ds-coming", own}, {"ds-in-open", own}, {"ds-in-reply", own}, {"ds-wire-proxy", own},
		{"ds-log", "The record has the destinations of dropped packets."},
		{"ds-forward", noExit}, {"ds-wire", noExit}, {"ds-out", noExit}, {"ds-in", noEntry},
	}
}

// promiseOf returns what the rule of a name keeps; "" for a rule that is not ours.
func promiseOf(name string) string {
	for _, p := range promises() {
		if strings.HasPrefix(name, p.prefix) {
			return p.keeps
		}
	}
	return ""
}

package redirect

import (
	"net/netip"

	"data-space.liqo.io/pkg/values/iptables"
)

// Quarantine returns rulesets by which nothing leaves or enters a pod but connections that its node opens from the given
// addresses, and the answers to them: the kubelet's probes. They name no user and no control group, so that every pod's
// network namespace can hold them. They are for a pod that is walled off from outside as well: by themselves they cannot
// tell the kubelet from others for whom the node speaks. Without addresses they are as Closed.
func Quarantine(s Settings, node []netip.Addr) []iptables.Ruleset {
	sets := Closed(s)
	for _, set := range sets {
		chains := set.Tables[0].Chains
		var in, out []iptables.Rule
		for _, ip := range node {
			if ip.Is6() != (set.Family == iptables.V6) {
				continue
			}
			in = append(in, iptables.Rule{Reason: "The node calls: the kubelet probes.", Target: iptables.Accept,
				Matches: matches{from(only(ip)), iptables.TCP}})
			out = append(out, iptables.Rule{Reason: "Answers to the node's calls.", Target: iptables.Accept,
				Matches: matches{to(only(ip)), iptables.TCP,
					iptables.State{Of: iptables.Established, Reply: true}}})
		}
		if len(in) > 0 && set.Family == iptables.V6 {
			p := planner{family: ipv6()}
			in = append(in, p.neighbours("in-neighbour")...)
			out = append(out, p.neighbours("out-neighbour")...)
		}
		chains[0].Rules, chains[2].Rules = closedBut(inLo(), in...), closedBut(outLo(), out...)
	}
	return sets
}

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
	for i, set := range sets {
		chains := set.Tables[0].Chains
		in, out := &chains[0], &chains[2]
		for _, ip := range node {
			if ip.Is6() != (set.Family == iptables.V6) {
				continue
			}
			in.Rules = append(in.Rules, iptables.Rule{Reason: "The node calls: the kubelet probes.",
				Args: []string{"-s", ip.String(), "-p", "tcp", "-j", "ACCEPT"}})
			out.Rules = append(out.Rules, iptables.Rule{Reason: "Answers to the node's calls.",
				Args: []string{"-d", ip.String(), "-p", "tcp", "-m", "conntrack", "--ctstate", "ESTABLISHED", "--ctdir", "REPLY", "-j", "ACCEPT"}})
		}
		if len(in.Rules) > 1 && set.Family == iptables.V6 {
			p := planner{family: ipv6()}
			in.Rules = append(in.Rules, p.neighbours("in-neighbour", nil)...)
			out.Rules = append(out.Rules, p.neighbours("out-neighbour", nil)...)
		}
		sets[i] = set
	}
	return sets
}

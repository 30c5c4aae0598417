package scenario

import "time"

// Rows are the story's claims, in the order in which they are observed.
func (w *World) Rows() []Row {
	attacks := &containment{world: w}
	return []Row{
		{"The hospital gets the guest's /results, which the guest computes from the hospital's data", "200 and a study of 10 patients", 60 * time.Second, w.results},
		{"Every request of the guest's /process/20 is in its proxy's access log", "20 lines, with path and the hospital's answer", 30 * time.Second, w.processed(20)},
		{"The guest's pods have one init container, the proxy, and no capability added", "only data-space-proxy; none added", 10 * time.Second, w.shapes},
		{"Both agents report the guest's pod enforced", "enforced, rules per table read from the kernel", 30 * time.Second, w.bothAgents},
		{"Nothing leaves a guest's pod but its proxy's packets: restricted Service and pods tried by TCP, UDP, DNS, ICMP, IPv6, forged uid, SO_MARK, bound device, raw sockets", "each packet on the node's end of the veth is of the proxy's sockets (uid and cgroup, by the kernel)", 40 * time.Second, attacks.contained},
		{"The capture was not blind", "it saw the proxy's packets to the restricted addresses, and its DNS", time.Second, attacks.awake},
		{"What the attacker was answered went through the proxy", "a line in its access log for each", time.Second, attacks.known},
		{"The hospital's own pods hold no rule of ours", "iptables-save of their namespaces is empty (nft, legacy, IPv4, IPv6)", 20 * time.Second, w.untouched},
		{"The nodes' own rules stay as they are while the agents enforce a new pod", "iptables-save before, while and after: byte-identical (counters aside; nft, legacy, IPv4, IPv6)", 60 * time.Second, w.nodesKept},
		{"A deleted ConfigMap comes back", "the same content in a new object", 15 * time.Second, w.configReturns},
		{"A deleted or opened NetworkPolicy comes back", "the same rules", 20 * time.Second, w.policyReturns},
		{"A killed proxy is bound again", "another cgroup, and /results works", 60 * time.Second, w.proxyReturns},
		{"A Job of the guest completes", "complete, although the proxy never ends by itself", 60 * time.Second, w.jobCompletes},
	}
}

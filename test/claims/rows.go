package claims

import (
	"slices"
	"time"
)

// Rows are the claims, in the order in which they are observed.
func (w *World) Rows() []Row {
	return slices.Concat(w.containedRows(), w.policyRows(), w.keptRows())
}

// containedRows are about what a guest's pod does and how it is held.
func (w *World) containedRows() []Row {
	attacks := &containment{world: w}
	return []Row{
		{
			"The hospital gets the guest's /results, computed from the hospital's data",
			"200 and a study of 10 patients", 60 * time.Second, w.results,
		},
		{
			"The guest's pods have one init container, the proxy, and no capability added",
			"only data-space-proxy; none added", 10 * time.Second, w.shapes,
		},
		{
			"Both agents report the guest's pod enforced",
			"enforced; rules per table, read from the kernel; agent status reports no problem", 30 * time.Second, w.bothAgents,
		},
		{
			"Nothing leaves a guest's pod unproxied, even where no NetworkPolicy would stop it: TCP, UDP, DNS and ICMP to the restricted Service and pods, IPv4 and IPv6, forged uid, SO_MARK, bound device, raw socket, the proxy's own ports",
			"each packet on the node's end of the veth is of the proxy's sockets: uid and cgroup, by the kernel", 60 * time.Second, attacks.contained,
		},
		{
			"The capture was awake: it saw the proxy",
			"packets of the proxy to the restricted addresses, and DNS", time.Second, attacks.awake,
		},
		{
			"The capture would see a leak: the same attempts from a pod without a guard",
			"TCP, UDP and ICMP of each family leave, and count as leaks", time.Second, attacks.escapes,
		},
		{
			"No frame but IP and ARP leaves the guest's pods: PPPoE and its like, which iptables never sees and which no capability is needed for",
			"PPPoE, AppleTalk, IPX and TIPC arrive on the node from an unguarded pod; from the guest's, IPv4 alone", 30 * time.Second, w.frames,
		},
		{
			"What the attacker was answered went through the proxy",
			"a line in its access log for each", 20 * time.Second, attacks.known,
		},
		{
			"Every request of the guest's /process/20 is in its proxy's access log",
			"20 lines, with path and the hospital's answer", 30 * time.Second, w.processed(20),
		},
		{
			"20 requests of a guest's pod are in the log of the guest, and the line of each is proven to one who has its proof and the log's key",
			"one fact for each, with destination, method, path and the hospital's answer; each proof verifies against the signed checkpoint", 4 * time.Minute, w.proven(20),
		},
		{
			"kubectl dataspace shows it from anywhere: audit has both nodes read their kernels, explain gives the reason of each rule and names the policy that decides, requests prints both nodes' record, verify finds kernels and logs as planned and recorded",
			"no problem; refused by data-space-network-policy; lines of the record (and where a node has no agent: a problem, in the row about that)", 2 * time.Minute, w.audited,
		},
		{
			"kubectl dataspace report: one page has the guest's pods and what they asked of whom, each row with a proof that anyone checks; doctor finds no way past the installation",
			"the proof of each row about a patient verifies by the key of the guest's log; no problem", 2 * time.Minute, w.reported,
		},
		{
			"Pharma's user, with a certificate as Liqo issues it and plain kubectl, sees by the API proxy its own namespaces, one that joins, and the nodes and classes that its GuestPolicy shows",
			"exactly these, a watch that shows the join, NotFound for another's, exec, logs and port-forward of its own pods; the API server itself refuses the same user; each request is an audit event, and a fact in the log of the guest", 3 * time.Minute, w.windowed,
		},
		{
			"A name outside the cluster goes nowhere, whatever server the guest names; the resolver's log shows who asked",
			"NXDOMAIN over UDP and TCP, IPv4 and IPv6; the resolver asks no server; a line with the pod and the name", 30 * time.Second, w.namesStay,
		},
	}
}

// policyRows are about NetworkPolicy, where the CNI enforces none.
func (w *World) policyRows() []Row {
	return []Row{
		{
			"The guest reaches /patients by way of its proxy, on its own node and on the other",
			"200 of each of the hospital's pods, IPv4 and IPv6; the agent names the policy and the rule", 60 * time.Second, w.reached,
		},
		{
			"It is refused at the restricted service, on its own node and on the other, although this CNI enforces no NetworkPolicy",
			"its proxy resets each call of a restricted pod, IPv4 and IPv6, but 200 for the hospital's visitor; the kernels count it, the agent names the policy", 60 * time.Second, w.refused,
		},
		{
			"With data-space/workload-netpol a workload of the hospital reaches the Service that its environment names, on the other node, and not the neighbour beside it",
			"before the label both answer; with it the named one does, the neighbour does not; the agent names the policy", 2 * time.Minute, w.workloadPolicies,
		},
		{
			"A guest that is suspended is silent on the wire within a second, on both nodes, while its connections are open; active again, it works",
			"packets of open connections until then; none afterwards on the nodes' ends of its pods' links; /results works again", 2 * time.Minute, w.suspended,
		},
		{
			"A namespace of the guest that loses the label liqo.io/remote-cluster-id, while no controller is there to restore it, is not set free",
			"the same attempts as above: each packet is of the proxy's sockets; enforced by both agents; a new pod gets its proxy; the label comes back with the controller",
			3 * time.Minute, w.labelLost,
		},
	}
}

// keptRows are about what stays as it is, or comes back.
func (w *World) keptRows() []Row {
	return []Row{
		{
			"The hospital's own pods hold no rule of ours",
			"iptables-save in their namespaces is empty (nft, legacy, IPv4, IPv6)", 20 * time.Second, w.untouched,
		},
		{
			"On the nodes, everybody else's rules and sets stay as they are while the agents restart and enforce new pods of the guest",
			"iptables-save (nft, legacy, IPv4, IPv6), nft and ipset, without what bears our prefixes DS-NP- and ds-np-: byte-identical except counters before, while and after", 60 * time.Second, w.nodesKept,
		},
		{
			"What root of a node changes in the rules of a guest's pod is seen and repaired at once: ACCEPT at the top, a policy, a flushed chain, a foreign table of nftables",
			"all rules as before each time, with the time it took; the Event DriftRepaired on the pod", 2 * time.Minute, w.tampered,
		},
		{
			"A guest's Deployment that tolerates the taint of nodes which the hospital has reserved is refused",
			"accepted without a ProtectedTaint; refused with one, naming the taint, the guest, the field and the way out", 30 * time.Second, w.reserved,
		},
		{
			"A deleted ConfigMap comes back",
			"the same content in a new object", 15 * time.Second, w.configReturns,
		},
		{
			"A NetworkPolicy that is deleted, or opened by an edit, comes back",
			"the same rules", 20 * time.Second, w.policyReturns,
		},
		{
			"A killed proxy is bound again, and nothing leaves meanwhile although the guest tries",
			"another cgroup, /results works, each packet is of a proxy's sockets (but the kernel's reset to callers while none listens)", 60 * time.Second, w.proxyReturns,
		},
		{
			"A proxy that is killed loses no request of the record, nor does a pod that is deleted",
			"each request that was answered is in the record on the node, which the guest cannot reach; no gap", 120 * time.Second, w.recorded,
		},
		{
			"A node's log of facts that root of the node writes again as a whole, with the node's own key, is refused by the other party's witness",
			"cosigned before; refused afterwards, which verify and an Event on the Node report; the witness keeps the checkpoint that contradicts", 6 * time.Minute, w.rewritten,
		},
		{
			"A node without an agent gets no pod of the guest, until an agent is ready there; the hospital's pods run there meanwhile",
			"pending with the scheduler's reason; bound there by hand, the kubelet refuses it; on the other node it runs; when the agent is back, it starts", 4 * time.Minute, w.agentless,
		},
		{
			"A Job of the guest completes",
			"complete, although its proxy never ends by itself", 60 * time.Second, w.jobCompletes,
		},
	}
}

package doctor

import (
	"fmt"
	"strings"
)

// oldest is the oldest kernel on which the agent starts.
const oldestMajor, oldestMinor = 5, 6

func nodes(o Observations) []Finding {
	var all []Finding
	for _, n := range o.Nodes {
		where := "node " + n.Name
		var major, minor int
		if _, err := fmt.Sscanf(n.Kernel, "%d.%d", &major, &minor); err == nil && (major < oldestMajor || major == oldestMajor && minor < oldestMinor) {
			all = append(all, Finding{where, "its kernel is Linux " + n.Kernel + "; the agent needs 5.6 or newer", "upgrade the kernel, or keep guests off the node", false})
		}
		switch {
		case !n.HasAgent:
			all = append(all, Finding{where, "no agent's pod is there, so no foreign pod is enforced", "see which taint or selector keeps the DaemonSet data-space-agent from the node; foreign pods are not scheduled there", true})
		case !n.Running:
			all = append(all, stopped(where, n.Trouble))
		case n.Status == nil && n.Policy == nil:
			all = append(all, Finding{where, "the agent does not answer: " + n.Trouble, "read its log: kubectl -n data-spacer logs ds/data-space-agent", false})
		default:
			all = append(all, reported(where, n)...)
			if !n.Offered {
				all = append(all, Finding{where, "the agent runs, and the node is not offered to foreign pods: its Lease is not renewed, so the CNI plugin may not be chained",
					"read the agent's log about the CNI configuration, and the Event WithdrawnFromForeignPods on the Node; docs/nodes.md", false})
			}
		}
	}
	return all
}

// stopped is the finding for an agent that does not run; trouble is what its pod and its log show.
func stopped(where, trouble string) Finding {
	for _, known := range []struct{ sign, what, cure string }{
		{"cannot hold the rules", "the kernel lacks a netfilter match that the rules need: ", "load the module that the message names (modprobe), and have it loaded at boot (/etc/modules-load.d)"},
		{"missing kernel module", "the kernel lacks a netfilter match that the rules need: ", "load the module that the message names (modprobe), and have it loaded at boot (/etc/modules-load.d)"},
		{"--cni-", "the agent does not find the CNI's folders, so its plugin is not chained: ", "name the folders that the container runtime uses: docs/gate.md#which-folders"},
		{"--cri-socket", "the agent does not find the container runtime: ", "name its socket by --cri-socket"},
		{"ptrace_scope", "the agent may not mark the proxy's listeners: ", "set kernel.yama.ptrace_scope below 3"},
		{"ImagePull", "the agent's image cannot be pulled: ", "correct the image or the registry's credentials of the DaemonSet data-space-agent"},
	} {
		if strings.Contains(trouble, known.sign) {
			return Finding{where, known.what + trouble, known.cure, false}
		}
	}
	return Finding{where, "the agent does not run: " + trouble, "follow the message; the node's foreign pods keep their rules, and no other starts there", false}
}

// reported are the problems that the agent itself reports.
func reported(where string, n Node) []Finding {
	var all []Finding
	var problems []string
	if n.Status != nil {
		problems = append(problems, n.Status.Problems...)
	}
	if n.Policy != nil {
		problems = append(problems, n.Policy.Problems...)
		if !n.Policy.InForce {
			problems = append(problems, "NetworkPolicy is not in force")
		}
	}
	for _, p := range problems {
		cure := "follow the message; the agent's log has more"
		switch {
		case strings.Contains(p, "br_netfilter"), strings.Contains(p, "bridge"):
			cure = "load br_netfilter, and set net.bridge.bridge-nf-call-iptables=1 and -ip6tables=1 at boot"
		case strings.Contains(p, "packet mark"):
			cure = "give the agents --policy-marks with two bits that no program of the node uses: docs/network-policy.md#packet-marks"
		case strings.Contains(p, "pod range"):
			cure = "give the agents --pod-cidrs"
		case strings.Contains(p, "API server"):
			cure = "see whether the node reaches the API server, and whether the ClusterRole data-space-agent is bound"
		}
		all = append(all, Finding{where, p, cure, false})
	}
	return all
}

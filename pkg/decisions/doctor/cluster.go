package doctor

import (
	"slices"
	"strings"
)

// planes are the findings about other data planes of the nodes: those that pass packets around the FORWARD chain, in which NetworkPolicy is
// enforced, and those that replace the chain of CNI plugins.
func planes(o Observations) []Finding {
	var all []Finding
	cilium := func(key string) string { return o.Config["kube-system/cilium-config/"+key] }
	if len(o.Config) > 0 && cilium("routing-mode")+cilium("tunnel-protocol")+cilium("ipam") != "" {
		if cilium("enable-host-legacy-routing") != "true" && cilium("kube-proxy-replacement") == "true" {
			all = append(all, Finding{"Cilium", "its BPF host routing passes packets between pods around the node's FORWARD chain, where the agent enforces NetworkPolicy (kube-proxy-replacement is on, enable-host-legacy-routing is not)",
				"set bpf.hostLegacyRouting=true in Cilium's Helm values, or take networkpolicy out of the agents' --enable and rely on Cilium's policies", false})
		}
		if cilium("cni-exclusive") != "false" {
			all = append(all, Finding{"Cilium", "it removes the CNI configurations of other programs (cni-exclusive), and with them the agent's plugin", "set cni.exclusive=false in Cilium's Helm values", false})
		}
		if cilium("kube-proxy-replacement") == "true" && cilium("bpf-lb-sock-hostns-only") != "true" {
			all = append(all, Finding{"Cilium", "its socket load balancer turns a Service's address into a backend's before the proxy sees it, so the record has backends only", "set socketLB.hostNamespaceOnly=true in Cilium's Helm values", true})
		}
	}
	if strings.EqualFold(o.Felix["bpfEnabled"], "true") {
		all = append(all, Finding{"Calico", "its eBPF data plane passes packets around the node's FORWARD chain, where the agent enforces NetworkPolicy",
			"set bpfEnabled=false in the FelixConfiguration default, or take networkpolicy out of the agents' --enable and rely on Calico's policies", false})
	}
	proxy := o.Config["kube-system/kube-proxy/config.conf"]
	for line := range strings.Lines(proxy) {
		if key, value, found := strings.Cut(strings.TrimSpace(line), ":"); found && key == "mode" && strings.Trim(strings.TrimSpace(value), `"`) == "ipvs" {
			all = append(all, Finding{"kube-proxy", "it runs in mode ipvs: packets to a Service's address pass INPUT and OUTPUT, and not FORWARD, where the agent enforces NetworkPolicy; the rules in foreign pods are not concerned",
				"set mode to nftables or iptables in the ConfigMap kube-system/kube-proxy, and restart kube-proxy", false})
		}
	}
	return all
}

// peering are the findings about Liqo. Whether Liqo denies direct connections is an argument of its controller, whose name differs between
// releases: it is known by its words.
func peering(o Observations) []Finding {
	var all []Finding
	found, denied := false, false
	for _, w := range o.Workloads {
		if !strings.HasPrefix(w.Name, "liqo-") {
			continue
		}
		found = true
		for _, arg := range w.Args {
			name, value, given := strings.Cut(strings.ToLower(strings.ReplaceAll(strings.TrimLeft(arg, "-"), "-", "")), "=")
			denied = denied || strings.Contains(name, "deny") && strings.Contains(name, "directconnection") && (!given || value == "true")
		}
		if w.Name == "liqo-proxy" && w.Wanted > 0 {
			all = append(all, Finding{"Liqo", "liqo-proxy lets guests' pods reach their home API server, by connections of TLS that are not read here", "open no NetworkPolicy to its address, or scale Deployment " + w.Namespace + "/liqo-proxy to 0", true})
		}
	}
	if found && !denied {
		all = append(all, Finding{"Liqo", "direct connections between a guest's pods here and its pods at another provider are not denied",
			"set networking.denyDirectConnections=true in Liqo's Helm values; Liqo before 1.2 has no such connections", true})
	}
	return all
}

// programs are the findings about what is installed of ours.
func programs(o Observations) []Finding {
	var all []Finding
	by := map[string]Workload{}
	for _, w := range o.Workloads {
		by[w.Name] = w
	}
	for name, lost := range map[string]string{
		"data-space-webhook":    "no foreign pod or namespace can be created",
		"data-space-controller": "nodes are not offered to foreign pods, and what a guest deletes does not come back",
		"data-space-resolver":   "no name resolves in foreign pods",
	} {
		if w, there := by[name]; len(o.Workloads) > 0 && (!there || w.Ready == 0) {
			all = append(all, Finding{name, "no replica is ready: " + lost, "kubectl -n data-spacer describe deployment " + name, false})
		}
	}
	agent, there := by["data-space-agent"]
	if there && !slices.Contains(agent.Args, "--gate=cni") {
		all = append(all, Finding{"data-space-agent", "its plugin is not chained to the CNI (--gate=cni is missing), so a foreign pod may run before its rules are there", "add --gate=cni to the DaemonSet's arguments", false})
	}
	if there && !slices.ContainsFunc(agent.Args, func(a string) bool { return strings.HasPrefix(a, "--facts-dir=") }) {
		all = append(all, Finding{"data-space-agent", "no log of facts is kept (--facts-dir is missing): nothing can be proven later", "add --facts-dir=/var/lib/data-spacer/facts", true})
	}
	if there && !slices.ContainsFunc(agent.Args, func(a string) bool { return strings.HasPrefix(a, "--witness=") }) {
		all = append(all, Finding{"data-space-agent", "no witness cosigns the logs: root of a node could rewrite its own unnoticed", "have the other party run a witness: docs/facts.md#witnesses", true})
	}
	if len(o.Admission) > 0 && !slices.ContainsFunc(o.Admission, func(name string) bool { return strings.HasPrefix(name, "data-space") }) {
		all = append(all, Finding{"admission", "the webhook's configuration and our admission policies are missing: nothing refuses what undoes the containment", "kubectl apply -k deploy", false})
	}
	return all
}

// spaces are the findings about namespaces whose witnesses disagree about whose they are.
func spaces(o Observations) []Finding {
	var all []Finding
	for _, n := range o.Namespaces {
		where := "namespace " + n.Name
		guests := slices.Compact(slices.Sorted(slices.Values(slices.DeleteFunc([]string{n.Label, n.Mark, n.Map}, func(g string) bool { return g == "" }))))
		switch {
		case n.Released != "" && n.Label != "":
			all = append(all, Finding{where, "it was released from guest " + n.Released + ", and has Liqo's label of " + n.Label, "remove the label if the namespace is the Hospital's, or the annotation data-space.liqo.io/released-from if it is the guest's", false})
		case n.Released != "":
		case len(guests) > 1:
			all = append(all, Finding{where, "its witnesses name different guests: " + strings.Join(guests, ", "), "find out who changed it (kubectl get namespace " + n.Name + " -o yaml --show-managed-fields); docs/guests.md#a-lost-label", false})
		case n.Lost != "":
			all = append(all, Finding{where, "Liqo's label was lost or changed: " + n.Lost, "find out who changed it: docs/guests.md#a-lost-label", n.Label != ""})
		case len(guests) == 1 && n.Label == "":
			all = append(all, Finding{where, "it is guest " + guests[0] + "'s, and has not Liqo's label", "the controller restores it; if it does not, read its log, or release the namespace: docs/guests.md#a-lost-label", false})
		}
		if n.OptedOut && len(guests) > 0 {
			all = append(all, Finding{where, "the Hospital has taken the guard off this guest's namespace (data-space/apply-webhook=false)", "remove the label unless that is meant", true})
		}
	}
	return all
}

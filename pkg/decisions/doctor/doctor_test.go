package doctor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
)

// healthy is a cluster without a finding.
func healthy() Observations {
	return Observations{
		Nodes: []Node{{Name: "worker", Kernel: "6.12.1-amd64", Offered: true, HasAgent: true, Running: true, Status: &agentapi.NodeStatus{Ready: true}, Policy: &agentapi.PolicyStatus{InForce: true}}},
		Workloads: []Workload{
			{Name: "data-space-webhook", Wanted: 2, Ready: 2}, {Name: "data-space-controller", Wanted: 1, Ready: 1}, {Name: "data-space-resolver", Wanted: 2, Ready: 1},
			{Name: "data-space-agent", Wanted: 1, Ready: 1, Args: []string{"--gate=cni", "--facts-dir=/x", "--witness=w"}},
			{Namespace: "liqo", Name: "liqo-controller-manager", Args: []string{"--deny-direct-connections=true"}},
		},
		Config: map[string]string{"kube-system/kube-proxy/config.conf": "kind: KubeProxyConfiguration\nmode: \"nftables\"\n"}, Admission: []string{"data-space-webhook"},
		Namespaces: []Namespace{{Name: "pharma-space", Label: "pharma", Mark: "pharma", Map: "pharma"}, {Name: "ours", Mark: "pharma", Released: "pharma"}},
	}
}

func TestAHealthyClusterHasNoFinding(t *testing.T) { require.Empty(t, Examine(healthy())) }

func TestEachFindingHasItsCure(t *testing.T) {
	cilium := func(o *Observations, more ...string) {
		o.Config = map[string]string{"kube-system/cilium-config/routing-mode": "native", "kube-system/cilium-config/cni-exclusive": "false", "kube-system/cilium-config/bpf-lb-sock-hostns-only": "true"}
		for _, pair := range more {
			key, value, _ := strings.Cut(pair, "=")
			o.Config["kube-system/cilium-config/"+key] = value
		}
	}
	trouble := func(text string) func(o *Observations) {
		return func(o *Observations) { o.Nodes[0].Running, o.Nodes[0].Trouble = false, text }
	}
	space := func(n Namespace) func(o *Observations) {
		return func(o *Observations) { n.Name = "s"; o.Namespaces = append(o.Namespaces, n) }
	}
	for name, test := range map[string]struct {
		change     func(o *Observations)
		what, cure string
		warning    bool
	}{
		"an old kernel":         {func(o *Observations) { o.Nodes[0].Kernel = "5.4.0" }, "5.6 or newer", "upgrade", false},
		"no agent":              {func(o *Observations) { o.Nodes[0].HasAgent = false }, "no agent's pod", "taint or selector", true},
		"a missing match":       {trouble("this node's kernel cannot hold the rules (iptables-nft): xt_cgroup"), "lacks a netfilter match", "modprobe", false},
		"no CNI folder":         {trouble("--cni-conf-dir=/etc/cni: no such folder"), "not chained", "docs/gate.md", false},
		"no runtime":            {trouble("--cri-socket: none"), "container runtime", "--cri-socket", false},
		"yama":                  {trouble("kernel.yama.ptrace_scope is 3"), "mark the proxy", "below 3", false},
		"no image":              {trouble("ImagePullBackOff"), "cannot be pulled", "credentials", false},
		"another reason":        {trouble("CrashLoopBackOff"), "does not run", "follow", false},
		"silent":                {func(o *Observations) { o.Nodes[0].Status, o.Nodes[0].Policy, o.Nodes[0].Trouble = nil, nil, "hangs" }, "does not answer: hangs", "log", false},
		"not offered":           {func(o *Observations) { o.Nodes[0].Offered = false }, "not be chained", "docs/nodes.md", false},
		"br_netfilter":          {func(o *Observations) { o.Nodes[0].Policy.Problems = []string{"br_netfilter is off"} }, "br_netfilter", "bridge-nf-call", false},
		"marks overlap":         {func(o *Observations) { o.Nodes[0].Policy.Problems = []string{"X uses packet mark 0x1"} }, "packet mark", "--policy-marks", false},
		"no pod range":          {func(o *Observations) { o.Nodes[0].Policy.Problems = []string{"the pod range is not known"} }, "pod range", "--pod-cidrs", false},
		"API server":            {func(o *Observations) { o.Nodes[0].Status.Problems = []string{"API server: refused"} }, "API server", "ClusterRole", false},
		"not in force":          {func(o *Observations) { o.Nodes[0].Policy.InForce = false }, "not in force", "log", false},
		"Cilium's host routing": {func(o *Observations) { cilium(o, "kube-proxy-replacement=true") }, "FORWARD", "hostLegacyRouting", false},
		"Cilium is exclusive":   {func(o *Observations) { cilium(o, "cni-exclusive=true") }, "removes the CNI", "cni.exclusive=false", false},
		"Cilium's socket LB": {func(o *Observations) {
			cilium(o, "kube-proxy-replacement=true", "enable-host-legacy-routing=true", "bpf-lb-sock-hostns-only=false")
		}, "backend", "hostNamespaceOnly", true},
		"Calico's eBPF":   {func(o *Observations) { o.Felix = map[string]string{"bpfEnabled": "true"} }, "FORWARD", "bpfEnabled=false", false},
		"IPVS":            {func(o *Observations) { o.Config["kube-system/kube-proxy/config.conf"] = "mode: \"ipvs\"\n" }, "mode ipvs", "nftables", false},
		"Liqo allows":     {func(o *Observations) { o.Workloads[4].Args = []string{"--deny-direct-connections=false"} }, "not denied", "denyDirectConnections=true", true},
		"Liqo by default": {func(o *Observations) { o.Workloads[4].Args = nil }, "not denied", "denyDirectConnections=true", true},
		"Liqo's proxy": {func(o *Observations) {
			o.Workloads = append(o.Workloads, Workload{Namespace: "liqo", Name: "liqo-proxy", Wanted: 1})
		}, "home API server", "scale", true},
		"no webhook":           {func(o *Observations) { o.Workloads[0].Ready = 0 }, "no replica", "describe", false},
		"no gate":              {func(o *Observations) { o.Workloads[3].Args = o.Workloads[3].Args[1:] }, "not chained", "--gate=cni", false},
		"no log":               {func(o *Observations) { o.Workloads[3].Args = []string{"--gate=cni", "--witness=w"} }, "no log of facts", "--facts-dir", true},
		"no witness":           {func(o *Observations) { o.Workloads[3].Args = o.Workloads[3].Args[:2] }, "no witness", "witness", true},
		"no admission":         {func(o *Observations) { o.Admission = []string{"other"} }, "missing", "apply -k deploy", false},
		"witnesses disagree":   {space(Namespace{Label: "a", Mark: "b"}), "different guests: a, b", "managed-fields", false},
		"the map disagrees":    {space(Namespace{Label: "a", Mark: "a", Map: "b"}), "different guests", "managed-fields", false},
		"a lost label":         {space(Namespace{Mark: "a", Label: "a", Lost: "removed"}), "lost", "a-lost-label", true},
		"a label that is lost": {space(Namespace{Mark: "a", Lost: "removed"}), "lost", "a-lost-label", false},
		"no label":             {space(Namespace{Mark: "a"}), "has not Liqo's label", "release", false},
		"released and claimed": {space(Namespace{Label: "a", Released: "a"}), "was released", "released-from", false},
		"opted out":            {space(Namespace{Label: "a", Mark: "a", OptedOut: true}), "taken the guard off", "remove the label", true},
		"not readable":         {func(o *Observations) { o.Unreadable = []string{"list namespaces: forbidden"} }, "forbidden", "right", true},
	} {
		t.Run(name, func(t *testing.T) {
			o := healthy()
			test.change(&o)
			found := Examine(o)
			require.Len(t, found, 1, "%v", found)
			require.Contains(t, found[0].What, test.what)
			require.Contains(t, found[0].Cure, test.cure)
			require.Equal(t, test.warning, found[0].Warning)
			require.Equal(t, test.warning, Healthy(found))
		})
	}
}

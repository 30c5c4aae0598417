package render

import (
	"fmt"

	"data-space.liqo.io/test/cluster/internal/machine"
	"data-space.liqo.io/test/cluster/internal/plan"
)

// PrivateDirs are the directories that each node has for itself at the paths that every Kubernetes node has them, so
// that manifests with hostPath volumes work here unchanged. /run holds the sockets of containerd and NRI, the pods'
// network namespaces and the lock of iptables.
func PrivateDirs() []string {
	return []string{
		"/etc/cni", "/opt/cni", "/var/lib/cni", "/var/lib/containerd", "/var/lib/data-spacer", "/var/lib/kubelet",
		"/var/log/containers", "/var/log/pods",
	}
}

// Node is a node: containerd, kubelet and kube-proxy.
func Node(m plan.Machine, dirs plan.Dirs) machine.Spec {
	file := configFile(dirs, m.Name)
	binds := []machine.Bind{{From: dirs.MachineRun(m.Name), To: "/run"}}
	for _, dir := range PrivateDirs() {
		binds = append(binds, machine.Bind{From: dirs.Disk(m.Name, dir), To: dir})
	}
	return machine.Spec{
		Name:      m.Name,
		Binds:     binds,
		Sysctls:   network(),
		Pretended: tunables(),
		LogDir:    dirs.Logs(m.Name),
		Programs: []machine.Program{
			program(dirs, "containerd", []string{"--config=" + file("containerd.toml")}),
			program(dirs, "kubelet", []string{
				"--config=" + file("kubelet.yaml"), "--kubeconfig=" + file("kubelet.kubeconfig"),
				"--hostname-override=" + m.Name,
				fmt.Sprintf("--node-ip=%s,%s", m.IPv4.Addr(), m.IPv6.Addr()),
			}),
			program(dirs, "kube-proxy", []string{"--config=" + file("kube-proxy.yaml")}),
		},
	}
}

// tunables are the settings of the whole kernel that the kubelet would otherwise change (setupKernelTunables in
// pkg/kubelet/cm), and that nobody would change back.
func tunables() map[string]string {
	return map[string]string{
		"vm.overcommit_memory":      "1",
		"vm.panic_on_oom":           "0",
		"kernel.panic":              "10",
		"kernel.panic_on_oops":      "1",
		"kernel.keys.root_maxkeys":  "1000000",
		"kernel.keys.root_maxbytes": "25000000",
	}
}

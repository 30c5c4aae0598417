package render

import (
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"

	"data-space.liqo.io/test/cluster/internal/plan"
)

// PauseImage is the image of the container that holds a pod's namespaces.
const PauseImage = "docker.io/data-spacer/pause:dev"

// NodeFiles are a node's configuration files, but for its credentials.
func NodeFiles(lab plan.Lab, m plan.Machine, dirs plan.Dirs) (Files, error) {
	files := Files{
		"containerd.toml": []byte(containerdConfig),
		"resolv.conf":     []byte("# No name outside the cluster exists in the lab.\n"),
	}
	var err error
	if files["kubelet.yaml"], err = kubelet(lab, m, dirs); err != nil {
		return nil, err
	}
	if files["kube-proxy.yaml"], err = KubeProxy(lab, m, dirs); err != nil {
		return nil, err
	}
	return files, nil
}

// containerdConfig is the same on every node: a node has these paths for itself. The oom score of containers is not
// lowered, since that needs CAP_SYS_RESOURCE, which a confined machine may lack.
const containerdConfig = `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "` + PauseImage + `"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = ["/opt/cni/bin"]
  conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"

[plugins."io.containerd.nri.v1.nri"]
  socket_path = "/var/run/nri/nri.sock"
`

func kubelet(lab plan.Lab, m plan.Machine, dirs plan.Dirs) ([]byte, error) {
	file := configFile(dirs, m.Name)
	return marshal("kubelet.yaml", map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"webhook":   map[string]any{"enabled": true},
			"x509":      map[string]any{"clientCAFile": file("ca.crt")},
		},
		"authorization": map[string]any{"mode": "Webhook"},
		"tlsCertFile":   file("kubelet.crt"), "tlsPrivateKeyFile": file("kubelet.key"),
		"containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
		"clusterDomain":            "cluster.local", "clusterDNS": []string{lab.DNSv4.String()},
		"resolvConf":   file("resolv.conf"),
		"cgroupDriver": "cgroupfs",
		// Two kubelets share a kernel: with one root, each would remove the other's pods.
		"cgroupRoot":      "/" + m.Name,
		"failCgroupV1":    false,
		"failSwapOn":      false,
		"volumePluginDir": "/var/lib/kubelet/volumeplugins",
		// The machine's disk and memory are not the lab's to judge.
		"evictionHard":                map[string]string{"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		"imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
		"nodeStatusUpdateFrequency": "5s",
	})
}

// KubeProxy is the configuration of kube-proxy on m, which need not be a node.
func KubeProxy(lab plan.Lab, m plan.Machine, dirs plan.Dirs) ([]byte, error) {
	return marshal("kube-proxy.yaml", map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"clientConnection": map[string]any{"kubeconfig": configFile(dirs, m.Name)("kube-proxy.kubeconfig")},
		"hostnameOverride": m.Name,
		"bindAddress":      m.IPv4.Addr().String(),
		"mode":             m.ServiceMode,
		"detectLocalMode":  "ClusterCIDR",
		"clusterCIDR":      fmt.Sprintf("%s,%s", lab.PodsV4, lab.PodsV6),
		// The limits of connection tracking belong to the whole kernel.
		"conntrack": map[string]any{"maxPerCore": 0, "min": 0},
		"iptables":  map[string]any{"minSyncPeriod": "100ms"},
		"nftables":  map[string]any{"minSyncPeriod": "100ms"},
	})
}

// NetworkConfig is the CNI configuration list of a node: a cable per pod, an address of each family, host ports.
func NetworkConfig(m plan.Machine) ([]byte, error) {
	text, err := json.MarshalIndent(map[string]any{
		"cniVersion": "1.0.0", "name": "lab",
		"plugins": []any{
			map[string]any{"type": "ptp", "ipam": map[string]any{
				"type":   "host-local",
				"ranges": []any{subnet(m.PodsV4.String()), subnet(m.PodsV6.String())},
				"routes": []any{map[string]string{"dst": "0.0.0.0/0"}, map[string]string{"dst": "::/0"}},
			}},
			map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("CNI configuration of %s: %w", m.Name, err)
	}
	return text, nil
}

func subnet(prefix string) []any { return []any{map[string]string{"subnet": prefix}} }

func marshal(name string, v any) ([]byte, error) {
	text, err := yaml.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return text, nil
}

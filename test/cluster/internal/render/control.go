package render

import (
	"fmt"
	"path/filepath"

	"data-space.liqo.io/test/cluster/internal/machine"
	"data-space.liqo.io/test/cluster/internal/plan"
)

// Control is the control plane: etcd and the Kubernetes servers. It runs kube-proxy too, so that the API server
// reaches admission webhooks by their Service addresses.
func Control(lab plan.Lab, dirs plan.Dirs) machine.Spec {
	m := lab.Control
	return machine.Spec{
		Name:    m.Name,
		Binds:   []machine.Bind{{From: dirs.MachineRun(m.Name), To: "/run"}},
		Sysctls: network(),
		LogDir:  dirs.Logs(m.Name),
		Programs: []machine.Program{
			program(dirs, "etcd", etcd(m, dirs)),
			program(dirs, "kube-apiserver", apiServer(lab, dirs)),
			program(dirs, "kube-controller-manager", controllerManager(lab, dirs)),
			program(dirs, "kube-scheduler", scheduler(m, dirs)),
			program(dirs, "kube-proxy", []string{"--config=" + filepath.Join(dirs.Config(m.Name), "kube-proxy.yaml")}),
		},
	}
}

// program is one of the cached programs, with the PATH that it may need for helpers.
func program(dirs plan.Dirs, name string, args []string) machine.Program {
	return machine.Program{
		Name: name, Path: dirs.Program(name), Args: args,
		Env: []string{"PATH=" + dirs.Bin() + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
	}
}

// network are the settings of every machine that forwards packets. Addresses are usable at once (no duplicate
// address detection): nobody else is on the wire.
func network() map[string]string {
	return map[string]string{
		"net.ipv4.ip_forward":                "1",
		"net.ipv6.conf.all.forwarding":       "1",
		"net.ipv6.conf.default.accept_dad":   "0",
		"net.ipv6.conf.all.accept_dad":       "0",
		"net.ipv6.conf.default.accept_ra":    "0",
		"net.ipv6.conf.all.accept_ra":        "0",
		"net.ipv6.conf.all.disable_ipv6":     "0",
		"net.ipv6.conf.default.disable_ipv6": "0",
	}
}

func etcd(m plan.Machine, dirs plan.Dirs) []string {
	return []string{
		"--name=lab",
		"--data-dir=" + filepath.Join(dirs.Machine(m.Name), "etcd"),
		"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=lab=http://127.0.0.1:2380",
		"--unsafe-no-fsync", // the data is worth nothing after a power cut
	}
}

func apiServer(lab plan.Lab, dirs plan.Dirs) []string {
	file := configFile(dirs, lab.Control.Name)
	return []string{
		"--etcd-servers=http://127.0.0.1:2379",
		fmt.Sprintf("--advertise-address=%s", lab.APIServer().Addr()),
		fmt.Sprintf("--secure-port=%d", lab.APIServer().Port()),
		fmt.Sprintf("--service-cluster-ip-range=%s,%s", lab.ServicesV4, lab.ServicesV6),
		"--tls-cert-file=" + file("apiserver.crt"), "--tls-private-key-file=" + file("apiserver.key"),
		"--client-ca-file=" + file("ca.crt"),
		"--kubelet-client-certificate=" + file("kubelets.crt"), "--kubelet-client-key=" + file("kubelets.key"),
		"--kubelet-certificate-authority=" + file("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP", // nothing resolves the nodes' names
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + file("tokens.crt"), "--service-account-signing-key-file=" + file("tokens.key"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", // on top of the default ones: webhooks, policies, PodSecurity
		"--allow-privileged=true",
		"--requestheader-client-ca-file=" + file("ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + file("aggregation.crt"), "--proxy-client-key-file=" + file("aggregation.key"),
	}
}

func controllerManager(lab plan.Lab, dirs plan.Dirs) []string {
	file := configFile(dirs, lab.Control.Name)
	return []string{
		"--kubeconfig=" + file("kube-controller-manager.kubeconfig"),
		"--bind-address=127.0.0.1", "--leader-elect=false",
		"--use-service-account-credentials", "--service-account-private-key-file=" + file("tokens.key"),
		"--root-ca-file=" + file("ca.crt"),
		"--cluster-signing-cert-file=" + file("ca.crt"), "--cluster-signing-key-file=" + file("ca.key"),
		fmt.Sprintf("--service-cluster-ip-range=%s,%s", lab.ServicesV4, lab.ServicesV6),
		"--allocate-node-cidrs=false", // the nodes' CNI configuration says which pod addresses are whose
	}
}

func scheduler(m plan.Machine, dirs plan.Dirs) []string {
	file := configFile(dirs, m.Name)
	return []string{"--kubeconfig=" + file("kube-scheduler.kubeconfig"), "--bind-address=127.0.0.1", "--leader-elect=false"}
}

// configFile gives the path of a machine's configuration file.
func configFile(dirs plan.Dirs, name string) func(string) string {
	return func(file string) string { return filepath.Join(dirs.Config(name), file) }
}

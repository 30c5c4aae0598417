package cnifolder

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// The folders of an ordinary node: what containerd and CRI-O use unless they are configured otherwise.
const (
	UsualConf = "/etc/cni/net.d"
	UsualBin  = "/opt/cni/bin"
)

// Folders is a folder of CNI configurations and one of CNI plugins, as paths of the node. An empty one was not named.
type Folders struct{ Conf, Bin string }

// Runtime is what the container runtime reports. An empty folder means that it does not report it.
type Runtime struct {
	Name string
	Conf string
	Bins []string
}

// Node answers questions about folders of the node.
type Node interface {
	// Exists reports whether the path is a folder of the node. What cannot be read does not exist.
	Exists(folder string) bool
	// Same reports whether two paths are one folder, for instance by a symbolic link.
	Same(a, b string) bool
}

// place is a distribution of Kubernetes and its folders.
type place struct {
	who string
	Folders
}

// places are the folders of the distributions that have their own.
func places() []place {
	return []place{
		{"most distributions", Folders{UsualConf, UsualBin}},
		{"k3s", Folders{"/var/lib/rancher/k3s/agent/etc/cni/net.d", "/var/lib/rancher/k3s/data/cni"}},
		{"k3s before 2024", Folders{"/var/lib/rancher/k3s/agent/etc/cni/net.d", "/var/lib/rancher/k3s/data/current/bin"}},
		{"RKE2", Folders{UsualConf, UsualBin}},
		{"microk8s", Folders{"/var/snap/microk8s/current/args/cni-network", "/var/snap/microk8s/current/opt/cni/bin"}},
		{"k0s", Folders{UsualConf, UsualBin}},
		{"GKE", Folders{UsualConf, "/home/kubernetes/bin"}},
		{"OpenShift", Folders{"/etc/kubernetes/cni/net.d", "/var/lib/cni/bin"}},
	}
}

// Choose returns the folders to use. A folder that a flag names must be the one that the runtime uses. Where the runtime does
// not report its folders, they must exist: a folder that an agent makes is one that no runtime reads.
func Choose(flags Folders, r Runtime, n Node) (Folders, error) {
	conf, err := chooseConf(flags.Conf, r, n)
	if err != nil {
		return Folders{}, err
	}
	bin, err := chooseBin(flags.Bin, r, n)
	return Folders{conf, bin}, err
}

func chooseConf(flag string, r Runtime, n Node) (string, error) {
	switch {
	case r.Conf == "":
		folder := named(flag, UsualConf)
		if !n.Exists(folder) {
			return "", missing("--cni-conf-dir", "CNI configurations", folder, n, func(p place) string { return p.Conf })
		}
		return folder, nil
	case flag == "" || n.Same(flag, r.Conf):
		return r.Conf, nil // it may not exist yet: the cluster's CNI plugin makes it
	default:
		return "", fmt.Errorf("--cni-conf-dir=%s: %s reads its CNI configurations from %s: name that folder, or leave the flag out",
			flag, r.Name, r.Conf)
	}
}

// chooseBin returns the folder of the CNI plugins. If the runtime reports folders, a flag must name one of them: the runtime runs a plugin from
// nowhere else. Otherwise the flag decides, or the usual folder, which must exist.
func chooseBin(flag string, r Runtime, n Node) (string, error) {
	switch {
	case len(r.Bins) == 0:
		folder := named(flag, UsualBin)
		if !n.Exists(folder) {
			return "", missing("--cni-bin-dir", "CNI plugins", folder, n, func(p place) string { return p.Bin })
		}
		return folder, nil
	case flag == "":
		if i := slices.IndexFunc(r.Bins, n.Exists); i >= 0 {
			return r.Bins[i], nil
		}
		return r.Bins[0], nil // the cluster's CNI plugin makes it
	case slices.ContainsFunc(r.Bins, func(bin string) bool { return n.Same(flag, bin) }):
		return flag, nil
	default:
		return "", fmt.Errorf("--cni-bin-dir=%s: %s looks for CNI plugins in %s: name one of these folders, or leave the flag out",
			flag, r.Name, strings.Join(r.Bins, " and "))
	}
}

func named(flag, usual string) string {
	if flag == "" {
		return usual
	}
	return path.Clean(flag)
}

// missing names the folder that does not exist, and the places where it usually is, with a word on those that exist.
func missing(flag, what, folder string, n Node, of func(place) string) error {
	var usual []string
	for _, p := range places() {
		text := fmt.Sprintf("%s (%s)", of(p), p.who)
		if n.Exists(of(p)) {
			text = fmt.Sprintf("%s (%s, exists on this node)", of(p), p.who)
		}
		usual = append(usual, text)
	}
	return fmt.Errorf("%s=%s: this node has no such folder, and none is created, since the runtime would not read it; name the folder of "+
		"the container runtime's %s: %s", flag, folder, what, strings.Join(usual, ", "))
}

package cnifolder

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// folders is a node with these folders.
type folders []string

func (f folders) Exists(folder string) bool { return slices.Contains(f, folder) }
func (f folders) Same(a, b string) bool     { return a == b || a == "/link" && b == "/run/cni" }

func TestTheRuntimesFoldersAreTaken(t *testing.T) {
	k3s := Runtime{Name: "containerd 2", Conf: "/var/lib/rancher/k3s/agent/etc/cni/net.d", Bins: []string{"/var/lib/rancher/k3s/data/cni", "/opt/cni/bin"}}
	for name, test := range map[string]struct {
		flags   Folders
		runtime Runtime
		node    folders
		want    Folders
	}{
		"the runtime reports them":     {Folders{}, k3s, folders{"/opt/cni/bin"}, Folders{k3s.Conf, "/opt/cni/bin"}},
		"they do not exist yet":        {Folders{}, k3s, nil, Folders{k3s.Conf, k3s.Bins[0]}},
		"the flags name the same":      {Folders{k3s.Conf, k3s.Bins[1]}, k3s, nil, Folders{k3s.Conf, k3s.Bins[1]}},
		"by another name":              {Folders{Conf: "/link"}, Runtime{Conf: "/run/cni", Bins: []string{"/bin"}}, nil, Folders{"/run/cni", "/bin"}},
		"the runtime reports nothing":  {Folders{}, Runtime{}, folders{UsualConf, UsualBin}, Folders{UsualConf, UsualBin}},
		"nothing, and flags name them": {Folders{"/a/", "/b"}, Runtime{}, folders{"/a", "/b"}, Folders{"/a", "/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Choose(test.flags, test.runtime, test.node)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestAWrongFolderIsAnErrorThatNamesTheFlagAndThePlaces(t *testing.T) {
	runtime := Runtime{Name: "containerd 2", Conf: "/run/k3s/net.d", Bins: []string{"/run/k3s/bin", "/opt/bin"}}
	for name, test := range map[string]struct {
		flags   Folders
		runtime Runtime
		node    folders
		want    []string
	}{
		"configurations elsewhere": {
			Folders{Conf: UsualConf}, runtime, folders{UsualConf},
			[]string{"--cni-conf-dir=/etc/cni/net.d", "containerd 2 reads its CNI configurations from /run/k3s/net.d", "leave the flag out"},
		},
		"plugins elsewhere": {
			Folders{Bin: UsualBin}, runtime, folders{UsualBin}, []string{"--cni-bin-dir=/opt/cni/bin", "/run/k3s/bin and /opt/bin"},
		},
		"no such folder": {Folders{Conf: "/etc/cin"}, Runtime{}, folders{"/var/snap/microk8s/current/args/cni-network"}, []string{
			"--cni-conf-dir=/etc/cin", "none is created", "/var/lib/rancher/k3s/agent/etc/cni/net.d (k3s)",
			"/var/snap/microk8s/current/args/cni-network (microk8s, exists on this node)",
		}},
		"not even the usual one": {Folders{}, Runtime{}, nil, []string{"--cni-conf-dir=/etc/cni/net.d", "none is created"}},
		"no folder of plugins":   {Folders{}, Runtime{}, folders{UsualConf}, []string{"--cni-bin-dir=/opt/cni/bin", "/home/kubernetes/bin (GKE)"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Choose(test.flags, test.runtime, test.node)
			for _, part := range test.want {
				require.ErrorContains(t, err, part)
			}
		})
	}
}

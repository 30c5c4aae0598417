package render

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/test/cluster/internal/machine"
	"data-space.liqo.io/test/cluster/internal/plan"
)

func lab(t *testing.T) (plan.Lab, plan.Dirs) {
	t.Helper()
	t.Setenv("DATA_SPACER_CACHE", "/cache")
	dirs, err := plan.NewDirs(plan.DefaultName)
	require.NoError(t, err)
	return plan.TwoNodes(plan.DefaultName), dirs
}

func TestAKubeconfigIsCompleteInItself(t *testing.T) {
	lab, _ := lab(t)
	credentials, err := NewCredentials(lab, time.Now())
	require.NoError(t, err)
	text, err := credentials.Admin()
	require.NoError(t, err)
	config, err := clientcmd.RESTConfigFromKubeConfig(text)
	require.NoError(t, err)
	require.Equal(t, "https://198.51.100.10:6443", config.Host)
	require.Contains(t, string(config.CertData), "BEGIN CERTIFICATE")
	require.Contains(t, string(config.KeyData), "PRIVATE KEY")
	require.Contains(t, string(config.CAData), "BEGIN CERTIFICATE")
}

// everyFileThatIsNamed checks that each file of a machine's configuration directory that its programs name exists.
func everyFileThatIsNamed(t *testing.T, spec machine.Spec, dirs plan.Dirs, files Files) {
	t.Helper()
	texts := []string{}
	for _, p := range spec.Programs {
		texts = append(texts, p.Args...)
	}
	for _, text := range files {
		texts = append(texts, strings.Fields(string(text))...)
	}
	for _, text := range texts {
		_, name, ok := strings.Cut(text, dirs.Config(spec.Name)+"/")
		if ok {
			require.Contains(t, files, name)
		}
	}
}

func TestEveryFileThatTheControlPlaneNamesIsMade(t *testing.T) {
	lab, dirs := lab(t)
	credentials, err := NewCredentials(lab, time.Now())
	require.NoError(t, err)
	files, err := credentials.Control()
	require.NoError(t, err)
	files["kube-proxy.yaml"], err = KubeProxy(lab, lab.Control, dirs)
	require.NoError(t, err)
	everyFileThatIsNamed(t, Control(lab, dirs), dirs, files)
}

func TestEveryFileThatANodeNamesIsMade(t *testing.T) {
	lab, dirs := lab(t)
	credentials, err := NewCredentials(lab, time.Now())
	require.NoError(t, err)
	files, err := credentials.Node(lab.Nodes[0])
	require.NoError(t, err)
	more, err := NodeFiles(lab, lab.Nodes[0], dirs)
	require.NoError(t, err)
	for name, text := range more {
		files[name] = text
	}
	everyFileThatIsNamed(t, Node(lab.Nodes[0], dirs), dirs, files)
}

func TestNodesShareNoDirectoryNoAddressAndNoCgroup(t *testing.T) {
	lab, dirs := lab(t)
	one, two := Node(lab.Nodes[0], dirs), Node(lab.Nodes[1], dirs)
	for i := range one.Binds {
		require.Equal(t, one.Binds[i].To, two.Binds[i].To, "manifests find the same paths on every node")
		require.NotEqual(t, one.Binds[i].From, two.Binds[i].From)
	}
	roots := map[string]bool{}
	for _, n := range lab.Nodes {
		text, err := kubelet(lab, n, dirs)
		require.NoError(t, err)
		var config struct{ CgroupRoot string }
		require.NoError(t, yaml.Unmarshal(text, &config))
		roots[config.CgroupRoot] = true
	}
	require.Len(t, roots, len(lab.Nodes))
}

func TestAPodGetsAnAddressOfEachFamilyFromItsNodesRanges(t *testing.T) {
	lab, _ := lab(t)
	text, err := NetworkConfig(lab.Nodes[1])
	require.NoError(t, err)
	var config struct {
		Plugins []struct {
			Type string
			IPAM struct{ Ranges [][]struct{ Subnet string } }
		}
	}
	require.NoError(t, json.Unmarshal(text, &config))
	require.Equal(t, "ptp", config.Plugins[0].Type)
	require.Equal(t, "portmap", config.Plugins[1].Type)
	require.Equal(t, "203.0.113.128/25", config.Plugins[0].IPAM.Ranges[0][0].Subnet)
	require.Equal(t, "2001:db8:1:2::/64", config.Plugins[0].IPAM.Ranges[1][0].Subnet)
}

func TestTheServiceRangesOfAllServersAgree(t *testing.T) {
	lab, dirs := lab(t)
	const ranges = "--service-cluster-ip-range=192.0.2.0/24,2001:db8:ffff::/108"
	require.Contains(t, apiServer(lab, dirs), ranges)
	require.Contains(t, controllerManager(lab, dirs), ranges)
}

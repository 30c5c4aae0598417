package sandbox

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSymlinksLeadToTheNodesFolders(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, "run/cni/net.d"), 0o700))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "etc"), 0o700))
	require.NoError(t, os.Symlink("/run/cni", filepath.Join(root, "etc/cni")))
	require.NoError(t, os.Symlink("../run/./cni", filepath.Join(root, "etc/relative")))
	require.NoError(t, os.Symlink("/etc/../../../up", filepath.Join(root, "etc/up")))
	require.NoError(t, os.Symlink("loop", filepath.Join(root, "etc/loop")))
	for name, want := range map[string]string{
		"/etc/cni/net.d":      "/run/cni/net.d",
		"/etc/relative/net.d": "/run/cni/net.d",
		"/etc/up":             "/up",
		"/not/there":          "/not/there",
	} {
		require.Equal(t, want, resolve(root, name))
	}
	require.NotEmpty(t, resolve(root, "/etc/loop"), "it ends")
}

func TestWhatContainerdReportsOfItsCNI(t *testing.T) {
	var n Network
	n.loaded(`{"PluginDirs":["/opt/cni/bin"],"PluginConfDir":"/etc/cni/net.d","PluginMaxConfNum":1,"Prefix":"eth","Networks":[
		{"Config":{"Name":"cni-loopback","Plugins":[{"Network":{"type":"loopback","ipam":{},"dns":{}},"Source":"{}"}]},"IFName":"lo"},
		{"Config":{"Name":"lab","Plugins":[{"Network":{"type":"ptp"}},{"Network":{"type":"data-space-cni"}}]},"IFName":"eth0"}]}`)
	require.Equal(t, Network{
		Conf: "/etc/cni/net.d", Bins: []string{"/opt/cni/bin"}, Plugins: []string{"loopback", "ptp", "data-space-cni"},
	}, n)
	n = Network{Ready: true}
	n.loaded(`{"PluginDirs":7}`)
	require.Equal(t, Network{Ready: true}, n)
}

//go:build api || bench

package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/apiserver"
)

// gates are the flags of an agent with its gate, in a node's own folders. Those of the CNI are left to the runtime to report.
func (n *node) gates(t *testing.T) []string {
	t.Helper()
	dir := filepath.Dir(n.socket)
	require.NoError(t, apiserver.Build(t.Context(), "cni", dir+"/plugin"))
	config, err := os.ReadFile(dir + "/config.toml")
	require.NoError(t, err)
	n.stop()
	require.NoError(t, os.WriteFile(dir+"/config.toml", []byte(n.engine.open(string(config), dir)), 0o600))
	require.NoError(t, os.Chmod(dir+"/bin", 0o755))
	n.start()
	return []string{
		"--gate=cni", "--cni-plugin=" + dir + "/plugin", "--gate-socket=" + dir + "/gate.sock", "--namespaces-file=" + dir + "/spaces.json",
		"--cni-bin-dir=" + dir + "/bin", "--nri-socket=off", "--pod-uid=pod-1",
	}
}

//go:build kernel

package envoy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kit"
)

func TestEnvoyAcceptsEveryGolden(t *testing.T) {
	goldens, err := filepath.Glob("../../pkg/decisions/envoy/testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, goldens)
	for _, golden := range goldens {
		t.Run(filepath.Base(golden), func(t *testing.T) {
			out, err := exec.Command(kit.Envoy(t), "--mode", "validate", "-c", loadable(t, golden), "--disable-hot-restart", "--log-level", "warning").CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), "OK")
			require.NotContains(t, string(out), "deprecated")
		})
	}
}

// loadable returns the file of a golden that names the module where this machine has it: Envoy loads it also to validate.
func loadable(t *testing.T, golden string) string {
	t.Helper()
	const module = "/usr/local/lib/libfollower.so"
	text, err := os.ReadFile(golden)
	require.NoError(t, err)
	if !strings.Contains(string(text), module) {
		return golden
	}
	file := filepath.Join(t.TempDir(), filepath.Base(golden))
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), module, kit.Follower(t))), 0o600))
	return file
}

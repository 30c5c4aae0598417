//go:build kernel

package envoy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/envoy"
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

// An image that has no module of this machine's kind does not start, and its last line, which is the container's message, names the file.
func TestWithoutTheModuleTheProxyDoesNotStart(t *testing.T) {
	foreign, err := os.ReadFile(kit.Follower(t))
	require.NoError(t, err)
	copy(foreign[18:], "\xf3\x00") // the machine in the ELF header: RISC-V
	for name, content := range map[string][]byte{"missing": nil, "empty": {}, "of another architecture": foreign} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			s.Reader = filepath.Join(t.TempDir(), "libfollower.so")
			if content != nil {
				require.NoError(t, os.WriteFile(s.Reader, content, 0o600))
			}
			config, err := envoy.Bootstrap(s)
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "envoy.yaml")
			require.NoError(t, os.WriteFile(file, config, 0o600))
			out, err := exec.Command(kit.Envoy(t), "--mode", "validate", "-c", file, "--disable-hot-restart", "--log-level", "warning").CombinedOutput()
			require.Error(t, err)
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			require.Contains(t, lines[len(lines)-1], "Failed to load dynamic module: "+s.Reader)
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

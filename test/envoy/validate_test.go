//go:build kernel

package envoy

import (
	"os/exec"
	"path/filepath"
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
			out, err := exec.Command(kit.Envoy(t), "--mode", "validate", "-c", golden, "--disable-hot-restart", "--log-level", "warning").CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), "OK")
			require.NotContains(t, string(out), "deprecated")
		})
	}
}

//go:build lab

package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/leak/field"
	"data-space.liqo.io/test/leak/trial"
)

// TestNothingLeaks tries every way out of the guest's pods, on the scenario that TestStory has deployed.
func TestNothingLeaks(t *testing.T) {
	attacker := filepath.Join(t.TempDir(), "attacker")
	build := exec.Command("go", "build", "-o", attacker, "data-space.liqo.io/test/leak/attacker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	cluster, err := field.Open()
	require.NoError(t, err)
	results, err := cluster.AttackAll(context.Background(), attacker, t.Logf)
	require.NoError(t, err)
	require.Empty(t, trial.Leaking(results))
	t.Log(trial.Summary(results))
}

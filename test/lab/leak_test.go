//go:build lab

package lab

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/leak/field"
	"data-space.liqo.io/test/leak/trial"
)

// TestNothingLeaks tries every way out of the guest's pods.
func TestNothingLeaks(t *testing.T) {
	deployed(t)
	cluster, err := field.Open()
	require.NoError(t, err)
	results, err := cluster.AttackAll(context.Background(), build(t, "attacker"), t.Logf)
	require.NoError(t, err)
	require.Empty(t, trial.Leaking(results))
	t.Log(trial.Summary(results))
}

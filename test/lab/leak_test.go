//go:build lab

package lab

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/leak/field"
	"data-space.liqo.io/test/leak/trial"
)

// TestNothingLeaks tries every way out of the guest's pods, to where no NetworkPolicy stops them.
func TestNothingLeaks(t *testing.T) {
	world := deployed(t)
	cluster, err := field.Open()
	require.NoError(t, err)
	var results []trial.Result
	require.NoError(t, world.Openly(context.Background(), func() error {
		results, err = cluster.AttackAll(context.Background(), build(t, "attacker"), t.Logf)
		return err
	}))
	require.Empty(t, trial.Leaking(results))
	t.Log(trial.Summary(results))
}

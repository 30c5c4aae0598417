//go:build lab

package lab

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/demo/story/scenario"
)

func TestStory(t *testing.T) {
	world, err := scenario.Open("../..", t.Logf)
	require.NoError(t, err)
	require.NoError(t, world.Deploy(context.Background()))
	for _, row := range world.Rows() {
		t.Run(row.Claim, func(t *testing.T) {
			result := scenario.Run(context.Background(), row)
			require.True(t, result.OK, "expected: %s\nobserved: %s", result.Expected, result.Observed)
			t.Log(result.Observed)
		})
	}
}

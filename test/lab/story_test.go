//go:build lab

package lab

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/claims"
)

func TestStory(t *testing.T) {
	world := deployed(t)
	for _, row := range world.Rows() {
		t.Run(row.Claim, func(t *testing.T) {
			result := claims.Run(context.Background(), row)
			require.True(t, result.OK, "expected: %s\nobserved: %s", result.Expected, result.Observed)
			t.Log(result.Observed)
		})
	}
}

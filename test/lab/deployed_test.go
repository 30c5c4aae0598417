//go:build lab

package lab

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/claims"
)

// deployed returns the demo's world with Data Spacer and the demo in it. What stands already stays: each test may be the
// first.
func deployed(t *testing.T) *claims.World {
	t.Helper()
	world, err := claims.Open("../..", t.Logf)
	require.NoError(t, err)
	require.NoError(t, world.Deploy(t.Context()))
	return world
}

package agent

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/failure"
)

func TestAnEndIsNoFailureYet(t *testing.T) {
	require.True(t, passing(failure.New(failure.Open, fs.ErrNotExist)), "a network namespace that went is no failure yet")
	require.True(t, passing(sandbox.ErrGone))
	require.False(t, passing(failure.New(failure.NotThePods, netns.ErrNotThePods)))
}

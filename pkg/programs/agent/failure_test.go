package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/failure"
)

func TestReasons(t *testing.T) {
	require.Equal(t, failure.Write, failure.ReasonOf(fmt.Errorf("pod: %w", failure.New(failure.Write, errors.New("no")))))
	require.Equal(t, failure.Other, failure.ReasonOf(errors.New("no")))
	require.Equal(t, failure.HostNamespace, refusal(fmt.Errorf("refused: %w", netns.ErrHost)))
	require.Equal(t, failure.NotThePods, refusal(fmt.Errorf("refused: %w", netns.ErrNotThePods)))
	require.Equal(t, failure.Open, refusal(errors.New("no")))
	require.True(t, passing(failure.New(failure.Open, fs.ErrNotExist)), "a network namespace that went is no failure yet")
	require.True(t, passing(sandbox.ErrGone))
	require.False(t, passing(failure.New(failure.NotThePods, netns.ErrNotThePods)))
}

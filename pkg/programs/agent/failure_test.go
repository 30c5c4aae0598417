package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
)

func TestReasons(t *testing.T) {
	require.Equal(t, ReasonWrite, reasonOf(fmt.Errorf("pod: %w", fail(ReasonWrite, errors.New("no")))))
	require.Equal(t, ReasonOther, reasonOf(errors.New("no")))
	require.Equal(t, ReasonHostNamespace, refusal(fmt.Errorf("refused: %w", netns.ErrHost)))
	require.Equal(t, ReasonNotThePods, refusal(fmt.Errorf("refused: %w", netns.ErrNotThePods)))
	require.Equal(t, ReasonOpen, refusal(errors.New("no")))
	require.True(t, passing(fail(ReasonOpen, fs.ErrNotExist)), "a network namespace that went is no failure yet")
	require.True(t, passing(sandbox.ErrGone))
	require.False(t, passing(fail(ReasonNotThePods, netns.ErrNotThePods)))
}

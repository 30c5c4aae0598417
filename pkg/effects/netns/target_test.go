package netns

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/failure"
)

func TestARefusalHasAReason(t *testing.T) {
	require.Equal(t, failure.HostNamespace, refusal(fmt.Errorf("refused: %w", errHost)))
	require.Equal(t, failure.NotThePods, refusal(fmt.Errorf("refused: %w", ErrNotThePods)))
	require.Equal(t, failure.Open, refusal(errors.New("no")))
}

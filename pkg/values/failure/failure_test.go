package failure_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/failure"
)

func TestTheReasonOutlivesWrapping(t *testing.T) {
	no := errors.New("no")
	err := fmt.Errorf("pod: %w", failure.New(failure.Write, no))
	require.Equal(t, failure.Write, failure.ReasonOf(err))
	require.ErrorIs(t, err, no)
	require.Equal(t, "pod: no", err.Error(), "the reason is no part of the text")
	require.Equal(t, failure.Other, failure.ReasonOf(no))
	require.NotContains(t, failure.Reasons(), failure.Busy, "a start that is tried again is no failure")
}

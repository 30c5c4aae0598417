package steps

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStepIsSaidWhenItHasSucceeded(t *testing.T) {
	var out strings.Builder
	require.NoError(t, New(&out).Do("etcd answers", func() error { return nil }))
	require.Regexp(t, `^ +\d+\.\ds  etcd answers \(0\.0s\)\n$`, out.String())
}

func TestAStepThatFailsIsLeftToTheCaller(t *testing.T) {
	var out strings.Builder
	failure := errors.New("no")
	require.ErrorIs(t, New(&out).Do("etcd answers", func() error { return failure }), failure)
	require.Empty(t, out.String())
}

func TestSizesAreForPeople(t *testing.T) {
	require.Equal(t, "1.5 MiB", Size(3<<19))
}

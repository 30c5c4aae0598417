package apiproxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenRequestsCountOnTheGuest(t *testing.T) {
	require.Equal(t, "guest pharma", bearer([]string{"pharma"}, "slice-1"))
	require.Equal(t, bearer([]string{"pharma"}, "slice-1"), bearer([]string{"pharma"}, "slice-2"), "a guest makes users as it likes")
	require.Equal(t, "user alice", bearer(nil, "alice"))
	require.NotEqual(t, bearer([]string{"pharma"}, ""), bearer(nil, "guest pharma"))

	open := newQuota(2, unlimited)
	require.True(t, open.take("guest pharma", 1))
	require.True(t, open.take("guest pharma", 1))
	require.False(t, open.take("guest pharma", 1))
	require.True(t, open.take("guest rival", 1))
	open.give("guest pharma", 1)
	require.True(t, open.take("guest pharma", 1))
	open.give("guest rival", 1)
	require.NotContains(t, open.of, "guest rival", "nothing is kept of one that has none")
}

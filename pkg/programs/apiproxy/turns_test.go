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

	open := newTurns(2)
	require.True(t, open.begin("guest pharma"))
	require.True(t, open.begin("guest pharma"))
	require.False(t, open.begin("guest pharma"))
	require.True(t, open.begin("guest rival"))
	open.end("guest pharma")
	require.True(t, open.begin("guest pharma"))
	open.end("guest rival")
	require.NotContains(t, open.open, "guest rival", "nothing is kept of one that has none")
}

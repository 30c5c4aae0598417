package apiproxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenRequestsCountOnTheGuest(t *testing.T) {
	guests, ordinary := &plan{ids: []string{"pharma"}}, &plan{}
	require.Equal(t, "guest pharma", guests.bearer(fact{caller: "slice-1"}))
	require.Equal(t, guests.bearer(fact{caller: "slice-1"}), guests.bearer(fact{caller: "slice-2"}), "a guest makes users as it likes")
	require.Equal(t, "alice", ordinary.bearer(fact{caller: "alice"}))
	require.Equal(t, "admin", guests.bearer(fact{caller: "slice-1", impersonator: "admin"}), "the one who asks")
	require.NotEqual(t, guests.bearer(fact{}), ordinary.bearer(fact{caller: "pharma"}))

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

package kit

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoAddressIsGivenTwiceBeforeItsCallerListens(t *testing.T) {
	given := map[netip.AddrPort]bool{}
	for range 1000 {
		given[FreeAddress(t)] = true
	}
	require.Len(t, given, 1000)
}

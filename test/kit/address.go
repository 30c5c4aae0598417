package kit

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// FreeAddress returns a loopback address with a port on which nothing listens at the moment.
func FreeAddress(tb testing.TB) netip.AddrPort {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

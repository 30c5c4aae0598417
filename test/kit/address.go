package kit

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// FreeAddress returns a loopback address with a port on which nothing listens at the moment, neither for TCP nor for UDP. The port is
// below those that the kernel gives to clients (net.ipv4.ip_local_port_range): a connection of another program cannot take it before the
// caller listens.
func FreeAddress(tb testing.TB) netip.AddrPort {
	tb.Helper()
	for range 100 {
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 20000+rand.N[uint16](10000))
		if free(address) {
			return address
		}
	}
	require.Fail(tb, "100 ports are all taken")
	return netip.AddrPort{}
}

func free(address netip.AddrPort) bool {
	l, err := net.Listen("tcp", address.String())
	if err != nil {
		return false
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", address.String())
	if err != nil {
		return false
	}
	defer p.Close()
	return true
}

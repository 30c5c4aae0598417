package kit

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// given counts the ports that were tried.
//
//nolint:gochecknoglobals // A port that one caller was given is free until that caller listens: another one of the same process must not be given it.
var given atomic.Uint32

// FreeAddress is TryFreeAddress for tests.
func FreeAddress(tb testing.TB) netip.AddrPort {
	tb.Helper()
	address, err := TryFreeAddress()
	require.NoError(tb, err)
	return address
}

// TryFreeAddress returns a loopback address with a port on which nothing listens at the moment, neither for TCP nor for UDP. The port is
// below those that the kernel gives to clients (net.ipv4.ip_local_port_range): a connection of another program cannot take it before the
// caller listens. A process gets each port once in 10,000 calls.
func TryFreeAddress() (netip.AddrPort, error) {
	const first, ports, apart = 20000, 10000, 389 // processes begin at different ports
	for range 100 {
		at := (uint32(os.Getpid())*apart + given.Add(1)) % ports //nolint:gosec // A process id is positive.
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(first+at))
		if free(address) {
			return address, nil
		}
	}
	return netip.AddrPort{}, errors.New("100 ports are all taken")
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

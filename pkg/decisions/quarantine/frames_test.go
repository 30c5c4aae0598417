package quarantine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/quarantine"
)

func TestFrames(t *testing.T) {
	pass := map[uint16]string{0x0800: "IPv4", 0x86dd: "IPv6", 0x0806: "ARP"}
	for kind := range 1 << 16 {
		frame := ether(uint16(kind), []byte("whatever it carries"))
		require.Equal(t, pass[uint16(kind)] != "", quarantine.Passes(quarantine.Frames(), frame), "%#04x", kind)
	}
	tagged := ether(0x8100, append([]byte{0, 1, 0x08, 0x00}, arp(podV4)[14:]...))
	require.False(t, quarantine.Passes(quarantine.Frames(), tagged), "a VLAN tag before IPv4")
	require.False(t, quarantine.Passes(quarantine.Frames(), arp(podV4)[:13]), "cut short in its type")
}

package quarantine_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/quarantine"
)

var (
	podV4, podV6   = netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("2001:db8::2")
	nodeV4, nodeV6 = netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8::1")
	near           = netip.MustParseAddr("fe80::1")
	mac            = net.HardwareAddr{2, 0, 0, 0, 0, 1}
)

func wall() []quarantine.Rule {
	return quarantine.Wall(quarantine.Link{
		Pod: []netip.Addr{podV4, podV6}, Node: []netip.Addr{nodeV4, nodeV6}, Near: []netip.Addr{near},
		MACs: []net.HardwareAddr{mac}, Ports: [2]uint16{32768, 60999},
	})
}

// ether puts a frame's header before a packet.
func ether(kind uint16, packet []byte) []byte {
	return slices.Concat(mac, []byte{2, 0, 0, 0, 0, 2}, binary.BigEndian.AppendUint16(nil, kind), packet)
}

const ack, syn, rst = 0x10, 0x02, 0x04

func segment(port uint16, flags byte) []byte {
	s := make([]byte, 20, 25)
	binary.BigEndian.PutUint16(s, 8080)
	binary.BigEndian.PutUint16(s[2:], port)
	s[12], s[13] = 0x50, flags
	return append(s, "alive"...)
}

func v4(src, dst netip.Addr, protocol byte, payload []byte) []byte {
	h := make([]byte, 20)
	h[0], h[6], h[8], h[9] = 0x45, 0x40, 64, protocol
	copy(h[12:], src.AsSlice())
	copy(h[16:], dst.AsSlice())
	return ether(0x0800, append(h, payload...))
}

func v6(src, dst netip.Addr, next, hops byte, payload []byte) []byte {
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, next, hops
	copy(h[8:], src.AsSlice())
	copy(h[24:], dst.AsSlice())
	return ether(0x86dd, append(h, payload...))
}

func arp(sender netip.Addr) []byte {
	return ether(0x0806, slices.Concat([]byte{0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2}, sender.AsSlice(), mac, nodeV4.AsSlice()))
}

func discovery(kind byte, target netip.Addr) []byte {
	return slices.Concat([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, target.AsSlice())
}

// change changes one byte of a frame's packet.
func change(frame []byte, at int, value byte) []byte {
	out := slices.Clone(frame)
	out[14+at] = value
	return out
}

func TestWall(t *testing.T) {
	answer4, answer6 := v4(podV4, nodeV4, 6, segment(40000, ack)), v6(podV6, nodeV6, 6, 64, segment(40000, ack))
	other4, other6 := netip.MustParseAddr("203.0.113.3"), netip.MustParseAddr("2001:db8::3")
	for name, test := range map[string]struct {
		frame []byte
		pass  bool
	}{
		"an answer over IPv4":                {answer4, true},
		"an answer over IPv6":                {answer6, true},
		"a refusal":                          {v4(podV4, nodeV4, 6, segment(32768, rst|ack)), true},
		"the second segment of a handshake":  {v6(podV6, nodeV6, 6, 64, segment(60999, syn|ack)), true},
		"ARP of the pod's address":           {arp(podV4), true},
		"a solicitation":                     {v6(podV6, nodeV6, 58, 255, discovery(135, nodeV6)), true},
		"a solicitation of a near address":   {v6(podV6, near, 58, 255, discovery(135, near)), true},
		"an advertisement":                   {v6(podV6, nodeV6, 58, 255, discovery(136, podV6)), true},
		"to another in the frame":            {append([]byte{2, 0, 0, 0, 0, 3}, answer4[6:]...), false},
		"to all in the frame":                {append([]byte{255, 255, 255, 255, 255, 255}, answer4[6:]...), false},
		"ARP to all":                         {append([]byte{255, 255, 255, 255, 255, 255}, arp(podV4)[6:]...), false},
		"ARP of another's address":           {arp(other4), false},
		"with a VLAN's tag":                  {ether(0x8100, append([]byte{0, 1}, answer4[12:]...)), false},
		"an unknown protocol of frames":      {ether(0x88b5, []byte("secret")), false},
		"a connection's first segment":       {v4(podV4, nodeV4, 6, segment(40000, syn)), false},
		"a segment without flags":            {v6(podV6, nodeV6, 6, 64, segment(40000, 0)), false},
		"to a node port":                     {v4(podV4, nodeV4, 6, segment(32767, ack)), false},
		"to a port beyond":                   {v6(podV6, nodeV6, 6, 64, segment(61000, ack)), false},
		"UDP":                                {v4(podV4, nodeV4, 17, segment(40000, ack)), false},
		"UDP over IPv6":                      {v6(podV6, nodeV6, 17, 64, segment(40000, ack)), false},
		"to another address":                 {v4(podV4, other4, 6, segment(40000, ack)), false},
		"to another address, IPv6":           {v6(podV6, other6, 6, 64, segment(40000, ack)), false},
		"a segment to a near address":        {v6(podV6, near, 6, 64, segment(40000, ack)), false},
		"from another address":               {v4(other4, nodeV4, 6, segment(40000, ack)), false},
		"from another address, IPv6":         {v6(other6, nodeV6, 6, 64, segment(40000, ack)), false},
		"with options, to be routed by them": {change(answer4, 0, 0x46), false},
		"a first fragment":                   {change(answer4, 6, 0x20), false},
		"a later fragment":                   {change(answer4, 7, 1), false},
		"with the reserved bit":              {change(answer4, 6, 0x80), true},
		"behind an extension header":         {v6(podV6, nodeV6, 43, 64, segment(40000, ack)), false},
		"an advertisement of another's":      {v6(podV6, nodeV6, 58, 255, discovery(136, other6)), false},
		"one that was handed on":             {v6(podV6, nodeV6, 58, 254, discovery(136, podV6)), false},
		"to others by multicast":             {v6(podV6, netip.MustParseAddr("ff02::1"), 58, 255, discovery(135, nodeV6)), false},
		"a redirect":                         {v6(podV6, nodeV6, 58, 255, discovery(137, nodeV6)), false},
		"a ping":                             {v6(podV6, nodeV6, 58, 255, discovery(128, nodeV6)), false},
		"cut short":                          {answer4[:14+20+4], false},
		"nothing":                            {nil, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.pass, quarantine.Passes(wall(), test.frame)) })
	}
	for _, r := range wall() {
		require.NotEmpty(t, r.Reason)
	}
}

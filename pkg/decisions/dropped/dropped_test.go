package dropped

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/fact"
)

func head4(protocol uint8, offset uint16, rest ...byte) []byte {
	packet := make([]byte, 20, 64)
	packet[0], packet[9] = 0x45, protocol
	binary.BigEndian.PutUint16(packet[6:], offset)
	copy(packet[12:], []byte{10, 0, 0, 1, 203, 0, 113, 9})
	return append(packet, rest...)
}

func head6(next uint8, to string, rest ...byte) []byte {
	packet := make([]byte, 40, 128)
	packet[0], packet[6] = 0x60, next
	source, destination := netip.MustParseAddr("fd00::1").As16(), netip.MustParseAddr(to).As16()
	copy(packet[8:], source[:])
	copy(packet[24:], destination[:])
	return append(packet, rest...)
}

func TestWhereAPacketWasToGo(t *testing.T) {
	ports := []byte{0x9c, 0x40, 0x01, 0xbb, 0, 8, 0, 0} // from 40000 to 443
	extended := append([]byte{options, 0, 0, 0, 0, 0, 0, 0, fragment, 1}, make([]byte, 14)...)
	extended = append(append(extended, udp, 0, 0, 1, 0, 0, 0, 7), ports...)
	later := append([]byte{udp, 0, 1, 1, 0, 0, 0, 7}, ports...)
	for name, c := range map[string]struct {
		rule   string
		packet []byte
		want   string
	}{
		"UDP":                          {"ds-out-drop-udp", head4(udp, 0, ports...), "UDP 203.0.113.9 443"},
		"from outside":                 {"ds-in-drop-udp", head4(udp, 0, ports...), "UDP 10.0.0.1 443"},
		"TCP":                          {"ds-out-drop-tcp", head4(tcp, 0, ports...), "TCP 203.0.113.9 443"},
		"a first fragment":             {"ds-out-drop-udp", head4(udp, 0x2000, ports...), "UDP 203.0.113.9 443"},
		"a later fragment":             {"ds-out-drop-udp", head4(udp, 7, ports...), "UDP 203.0.113.9 0"},
		"ICMP":                         {"ds-out-drop-icmp", head4(icmp, 0, 8, 0, 1, 2), "ICMP 203.0.113.9 0"},
		"a protocol without a name":    {"ds-out-drop-other", head4(47, 0, ports...), "47 203.0.113.9 0"},
		"cut off before the ports":     {"ds-out-drop-udp", head4(udp, 0, 1, 2), "UDP 203.0.113.9 0"},
		"options that are not there":   {"ds-out-drop-udp", append([]byte{0x4f}, head4(udp, 0, ports...)[1:]...), "UDP 203.0.113.9 0"},
		"IPv6":                         {"ds-out-drop-udp", head6(udp, "2001:db8::9", ports...), "UDP 2001:db8::9 443"},
		"IPv6 with extensions":         {"ds-out-drop-udp", head6(hopByHop, "2001:db8::9", extended...), "UDP 2001:db8::9 443"},
		"IPv6, a later fragment":       {"ds-out-drop-udp", head6(fragment, "2001:db8::9", later...), "UDP 2001:db8::9 0"},
		"IPv6, an extension cut off":   {"ds-out-drop-other", head6(options, "2001:db8::9", udp, 200, 0, 0, 0, 0, 0, 0), "UDP 2001:db8::9 0"},
		"IPv6, ping":                   {"ds-out-drop-icmp", head6(icmpv6, "2001:db8::9", 128, 0, 0, 0), "ICMPv6 2001:db8::9 0"},
		"IPv6, the kernel's own":       {"ds-out-drop-icmp", head6(icmpv6, "ff02::2", 133, 0, 0, 0), ""},
		"IPv6, a multicast report":     {"ds-out-drop-icmp", head6(hopByHop, "ff02::16", icmpv6, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0), ""},
		"IPv6, ping of all neighbours": {"ds-out-drop-icmp", head6(icmpv6, "ff02::1", 128, 0, 0, 0), "ICMPv6 ff02::1 0"},
		"IPv6 that claims IPv4":        {"ds-out-drop-udp", append([]byte{0x45}, head6(udp, "2001:db8::9", ports...)[1:]...), "UDP 2001:db8::9 443"},
		"IPv4 that claims IPv6":        {"ds-out-drop-udp", append([]byte{0x65}, head4(udp, 0, ports...)[1:]...), "UDP 203.0.113.9 443"},
		"nothing":                      {"ds-out-drop-udp", nil, ""},
		"half a header":                {"ds-out-drop-udp", head4(udp, 0)[:19], ""},
		"IPv6, half a header":          {"ds-out-drop-udp", head6(udp, "::2")[:39], ""},
		"a header shorter than itself": {"ds-out-drop-udp", append([]byte{0x44}, head4(udp, 0, ports...)[1:]...), "UDP 203.0.113.9 0"},
	} {
		p, ok := Parse(c.rule, strings.HasPrefix(name, "IPv6"), c.packet)
		require.Equal(t, c.want != "", ok, name)
		if ok {
			require.Equal(t, c.want, fmt.Sprintf("%s %s %d", p.protocol(), p.Address, p.Port), name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(false, head4(udp, 0, 1, 2, 3, 4))
	f.Add(true, head6(hopByHop, "ff02::16", make([]byte, 60)...))
	f.Fuzz(func(t *testing.T, ipv6 bool, packet []byte) {
		if p, ok := Parse("ds-out-drop-udp", ipv6, packet); ok {
			require.Equal(t, ipv6, p.Address.Is6())
			require.True(t, p.Address.IsValid())
			_, err := fact.Encode(0, p.fact(1))
			require.NoError(t, err)
		}
	})
}

func to(rule string, i int) Packet {
	return Packet{Rule: rule, Protocol: udp, Address: netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}), Port: 443}
}

func TestOnePlaceIsAFactAtOnceAndThenEachTenMinutes(t *testing.T) {
	var b Book
	now := time.Unix(1000, 0)
	require.True(t, b.Empty())
	b.Add(to("ds-out-drop-udp", 1))
	b.Add(to("ds-out-drop-udp", 1))
	facts := b.Facts(now)
	require.Equal(t, []fact.Fact{{
		Kind: fact.DestinationDropped, Reason: "ds-out-drop-udp", Count: 2, Message: "packets to 203.0.0.1:443 (UDP) were dropped",
		Details: map[string]string{"direction": "egress", "protocol": "UDP", "address": "203.0.0.1", "port": "443"},
	}}, facts)
	for range 599 {
		now = now.Add(time.Second)
		b.Add(to("ds-out-drop-udp", 1))
		require.Empty(t, b.Facts(now))
	}
	now = now.Add(time.Second)
	facts = b.Facts(now)
	require.Len(t, facts, 1)
	require.Equal(t, int64(599), facts[0].Count)
	require.Empty(t, b.Facts(now.Add(again)))
	require.True(t, b.Empty(), "what is not reached any more is forgotten")
}

// A pod sends packets to a place of its choice each time: what is kept and recorded is bounded, all packets are counted, and what another rule drops
// is recorded as ever.
func TestAFloodToRandomPlacesIsBoundedAndHidesNoOtherRule(t *testing.T) {
	var b Book
	now, random := time.Unix(1000, 0), rand.New(rand.NewPCG(1, 2))
	var recorded int64
	var facts []fact.Fact
	take := func() {
		for _, f := range b.Facts(now) {
			facts, recorded = append(facts, f), recorded+f.Count
		}
	}
	for second := range 600 {
		for range 1000 {
			b.Add(to("ds-out-drop-udp", random.IntN(1<<24)))
		}
		if second == 300 {
			b.Add(Packet{Rule: "ds-out-drop-icmp", Protocol: icmp, Address: netip.MustParseAddr("198.51.100.7")})
		}
		take()
		now = now.Add(time.Second)
	}
	require.LessOrEqual(t, len(facts), mostPlaces+2)
	require.True(t, slices.ContainsFunc(facts, func(f fact.Fact) bool { return f.Details["address"] == "198.51.100.7" }))
	for range 2 {
		now = now.Add(again)
		take()
	}
	require.Equal(t, int64(600*1000+1), recorded, "no packet is missing")
	require.True(t, b.Empty())
	for i := range 100 {
		b.Add(to(fmt.Sprint("ds-out-", i), i))
	}
	require.Len(t, b.rules, mostRules)
}

func TestAPacketFromOutsideNamesItsSenderAndThePort(t *testing.T) {
	p := to("ds-in-drop-tcp", 1)
	p.Protocol = tcp
	f := p.fact(1)
	require.Equal(t, "packets from 203.0.0.1 to port 443 (TCP) were dropped", f.Message)
	require.Equal(t, "ingress", f.Details["direction"])
}

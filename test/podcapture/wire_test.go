package podcapture

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Frames as a capture would hold them; 192.0.2.1 (2001:db8::1) is the pod.
const (
	ether4 = "020000000002 020000000001 0800 "
	ether6 = "020000000002 020000000001 86dd "
	syn4   = ether4 + "4500003c 00004000 40060000 c0000201 c0000202 9c400050 00000001 00000000 a002faf0 00000000"
	dns4   = ether4 + "45000038 00004000 40110000 c0000201 c0000235 a0010035 00240000"
	udp4   = ether4 + "45000038 00004000 40110000 c0000201 c0000202 a0021f90 00240000"
	ping4  = ether4 + "4500001c 00004000 40010000 c0000201 c0000202 08000000 13030001"
	tail4  = ether4 + "4500001c 00000010 40060000 c0000201 c0000202 9c400050 00000001"
	sctp4  = ether4 + "4500001c 00004000 40840000 c0000201 c0000202 9c400050 00000001"
	arp    = "ffffffffffff 020000000001 0806 0001080006040001"
	nd6    = ether6 + "60000000 00203aff 20010db8000000000000000000000001 20010db8000000000000000000000002 87000000 00000000"
	mld6   = ether6 + "60000000 00240001 20010db8000000000000000000000001 ff020000000000000000000000000016 3a00050200000100 8f000000"
	syn6   = ether6 + "60000000 00140640 20010db8000000000000000000000001 20010db8000000000000000000000002 9c410050 00000001 00000000 5002faf0 00000000"
	frag6  = ether6 + "60000000 00102c40 20010db8000000000000000000000001 20010db8000000000000000000000002 0600000800000001 9c410050 00000001"
	vlan   = "020000000002 020000000001 8100 000a0800"
)

func frame(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return b
}

func sent(t *testing.T, text string) Packet {
	t.Helper()
	packet, err := Parse(frame(t, text))
	require.NoError(t, err)
	packet.Out = true
	return packet
}

func TestParseNamesWhatItSees(t *testing.T) {
	for text, want := range map[string]string{
		syn4:  "tcp 192.0.2.1:40000 > 192.0.2.2:80",
		dns4:  "udp 192.0.2.1:40961 > 192.0.2.53:53",
		ping4: "icmp type 8 192.0.2.1 > 192.0.2.2",
		tail4: "tcp 192.0.2.1:0 > 192.0.2.2:0",
		sctp4: "IP protocol 132 192.0.2.1 > 192.0.2.2",
		arp:   "ethernet type 0x0806",
		vlan:  "ethernet type 0x8100",
		nd6:   "icmpv6 type 135 2001:db8::1 > 2001:db8::2",
		mld6:  "icmpv6 type 143 2001:db8::1 > ff02::16",
		syn6:  "tcp [2001:db8::1]:40001 > [2001:db8::2]:80",
		frag6: "tcp [2001:db8::1]:0 > [2001:db8::2]:0",
	} {
		require.Equal(t, want, sent(t, text).String())
	}
}

func TestParseRefusesWhatIsCutShort(t *testing.T) {
	for _, text := range []string{syn4, ping4, syn6, mld6, frag6} {
		whole := frame(t, text)
		for size := range 14 {
			_, err := Parse(whole[:size])
			require.ErrorIs(t, err, errShort)
		}
		_, err := Parse(whole[:14+19])
		require.ErrorIs(t, err, errShort)
	}
}

var proxy = Owner{UID: 1303, Cgroup: 7}

func judged(t *testing.T, text string, sockets ...Socket) Verdict {
	t.Helper()
	owners := &Owners{Ingress: []uint16{13041}}
	for _, socket := range sockets {
		owners.Add(socket)
	}
	rules := Rules{Proxies: []Owner{proxy}, DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")}}
	return Judge([]Packet{sent(t, text)}, owners, rules)
}

func socket(protocol uint8, local, remote string, owner Owner) Socket {
	return Socket{Protocol: protocol, Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote), Owner: owner}
}

func TestJudge(t *testing.T) {
	ours := socket(unix.IPPROTO_TCP, "192.0.2.1:40000", "192.0.2.2:80", proxy)
	dns := socket(unix.IPPROTO_UDP, "0.0.0.0:40961", "0.0.0.0:0", proxy)
	t.Run("the proxy's TCP passes", func(t *testing.T) {
		require.Equal(t, Verdict{Packets: 1, ProxyTCP: 1}, judged(t, syn4, ours))
	})
	t.Run("the proxy's DNS passes", func(t *testing.T) {
		require.Equal(t, Verdict{Packets: 1, ProxyDNS: 1}, judged(t, dns4, dns))
	})
	t.Run("an answer to a redirected caller passes", func(t *testing.T) {
		in := socket(unix.IPPROTO_TCP, "192.0.2.1:13041", "192.0.2.2:80", proxy)
		require.Equal(t, Verdict{Packets: 1, ProxyTCP: 1}, judged(t, syn4, in))
	})
	t.Run("neighbour discovery is told apart", func(t *testing.T) {
		require.Equal(t, Verdict{Neighbour: 1}, judged(t, arp))
		require.Equal(t, Verdict{Neighbour: 1}, judged(t, nd6))
	})
	leaks := map[string]struct {
		frame   string
		sockets []Socket
		reason  string
	}{
		"the proxy's uid in another cgroup": {syn4, []Socket{socket(6, "192.0.2.1:40000", "192.0.2.2:80", Owner{1303, 8})}, "uid 1303 in cgroup 8"},
		"another uid in the proxy's cgroup": {syn4, []Socket{socket(6, "192.0.2.1:40000", "192.0.2.2:80", Owner{0, 7})}, "uid 0 in cgroup 7"},
		"one flow, two owners":              {syn4, []Socket{ours, socket(6, "192.0.2.1:40000", "192.0.2.2:80", Owner{0, 8})}, "not by the proxy"},
		"TCP without a socket":              {syn4, nil, "no socket"},
		"DNS without a socket":              {dns4, nil, "no socket"},
		"DNS of the app":                    {dns4, []Socket{socket(17, "0.0.0.0:40961", "0.0.0.0:0", Owner{0, 8})}, "not by the proxy"},
		"UDP to elsewhere":                  {udp4, []Socket{dns}, "elsewhere"},
		"ICMP":                              {ping4, nil, "neither"},
		"SCTP":                              {sctp4, nil, "neither"},
		"multicast reports":                 {mld6, nil, "neither"},
		"a fragment":                        {tail4, []Socket{ours}, "fragment"},
		"an IPv6 fragment":                  {frag6, []Socket{ours}, "fragment"},
		"IPv6 TCP without a socket":         {syn6, []Socket{ours}, "no socket"},
		"a VLAN frame":                      {vlan, nil, "neither"},
	}
	for name, row := range leaks {
		t.Run(name+" is a leak", func(t *testing.T) {
			verdict := judged(t, row.frame, row.sockets...)
			require.Len(t, verdict.Leaks, 1)
			require.Contains(t, verdict.Leaks[0], row.reason)
			require.Equal(t, strings.Contains(name, "without a socket"), verdict.Unseen == 1)
			require.Zero(t, verdict.ProxyTCP+verdict.ProxyDNS)
		})
	}
}

func TestAResetIsTheKernelsOnlyInAnswerToACaller(t *testing.T) {
	pod, caller := netip.MustParseAddrPort("192.0.2.1:13043"), netip.MustParseAddrPort("192.0.2.2:40000")
	call := Packet{Ether: etherIPv4, Protocol: unix.IPPROTO_TCP, Src: caller, Dst: pod, Flags: flagSYN}
	reset := Packet{Out: true, Ether: etherIPv4, Protocol: unix.IPPROTO_TCP, Src: pod, Dst: caller, Flags: flagRST}
	require.Equal(t, Verdict{Packets: 1, Refusals: 1}, Judge([]Packet{call, reset}, &Owners{}, Rules{}))
	require.Len(t, Judge([]Packet{reset, call}, &Owners{}, Rules{}).Leaks, 1, "a reset out of nowhere")
	data := reset
	data.Flags = 0x18
	require.Len(t, Judge([]Packet{call, data}, &Owners{}, Rules{}).Leaks, 1, "data of no socket")
	owners := &Owners{}
	owners.Add(Socket{Protocol: unix.IPPROTO_TCP, Local: pod, Remote: caller, Owner: Owner{0, 8}})
	require.Len(t, Judge([]Packet{call, reset}, owners, Rules{}).Leaks, 1, "a reset of the app's socket")
}

func TestDiscoveryThatCarriesMoreIsALeak(t *testing.T) {
	for _, text := range []string{arp + strings.Repeat("00", 20) + "41", nd6 + strings.Repeat("00", 24) + "41"} {
		require.Len(t, judged(t, text).Leaks, 1, text)
	}
	require.Equal(t, Verdict{Neighbour: 1}, judged(t, arp+strings.Repeat("00", 38)), "a link's padding")
}

func TestAPacketWithoutItsHeadersIsALeak(t *testing.T) {
	packet := sent(t, arp)
	packet.Ether, packet.Short = etherIPv4, true
	require.Len(t, Judge([]Packet{packet}, &Owners{}, Rules{}).Leaks, 1)
}

func TestAPortOfUDPComesToAnother(t *testing.T) {
	owners, somebody := &Owners{}, Owner{0, 8}
	owners.Add(socket(unix.IPPROTO_UDP, "0.0.0.0:40961", "0.0.0.0:0", somebody))
	owners.Add(socket(unix.IPPROTO_UDP, "0.0.0.0:40961", "0.0.0.0:0", proxy))
	packet := sent(t, dns4)
	require.ElementsMatch(t, []Owner{somebody, proxy}, owners.Of(packet), "nobody has it any more: it may be either's")
	packet.Senders = []Owner{proxy}
	require.Equal(t, []Owner{proxy}, owners.Of(packet))
}

func TestWhatReachesThePodIsNotJudged(t *testing.T) {
	packet := sent(t, ping4)
	packet.Out = false
	require.Equal(t, Verdict{}, Judge([]Packet{packet, packet}, &Owners{}, Rules{}))
}

func TestParseDump(t *testing.T) {
	body := make([]byte, messageSize+12)
	body[0] = unix.AF_INET6
	binary.BigEndian.PutUint16(body[4:], 40000)
	binary.BigEndian.PutUint16(body[6:], 80)
	mapped := netip.MustParseAddr("::ffff:192.0.2.1").As16()
	copy(body[8:], mapped[:])
	remote := netip.MustParseAddr("2001:db8::2").As16()
	copy(body[24:], remote[:])
	binary.NativeEndian.PutUint32(body[64:], 1303)
	binary.NativeEndian.PutUint16(body[messageSize:], 12)
	binary.NativeEndian.PutUint16(body[messageSize+2:], attrCgroup)
	binary.NativeEndian.PutUint64(body[messageSize+4:], 7)

	found, done, err := parseDump(append(message(sockDiagFamily, body), message(unix.NLMSG_DONE, make([]byte, 4))...), 6)
	require.NoError(t, err)
	require.True(t, done)
	require.Equal(t, []Socket{{6, netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("[2001:db8::2]:80"), proxy}}, found)

	refused := binary.NativeEndian.AppendUint32(nil, uint32(0xffffffff)) // -EPERM
	_, done, err = parseDump(message(unix.NLMSG_ERROR, refused), 6)
	require.ErrorIs(t, err, unix.EPERM)
	require.True(t, done)

	_, _, err = parseDump(message(sockDiagFamily, body)[:40], 6)
	require.ErrorIs(t, err, errShort)
}

func message(kind uint16, body []byte) []byte {
	header := make([]byte, unix.NLMSG_HDRLEN)
	binary.NativeEndian.PutUint32(header, uint32(len(header)+len(body)))
	binary.NativeEndian.PutUint16(header[4:], kind)
	return append(header, body...)
}

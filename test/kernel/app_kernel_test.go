//go:build kernel

package kernel_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

// secret is what must not be on the wire, in whatever packet.
const secret = "the secret"

// requireSecretKept: nothing left the pod, and no discovery of neighbours carried the secret.
func (w *world) requireSecretKept(t *testing.T) {
	t.Helper()
	packets := w.wire.Take()
	left := slices.DeleteFunc(packets, func(p kit.Packet) bool {
		discovery := p.Protocol == "arp" || p.Discovery()
		return !p.Out || discovery && !bytes.Contains(p.Payload, []byte(secret))
	})
	require.Empty(t, left)
}

func TestTheApplication(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		t.Run("is led to the proxy's egress by every TCP connection, near and far, whatever the port", func(t *testing.T) {
			for _, to := range []netip.AddrPort{at(f.node, 80), at(f.far, 80), at(f.far, 443), at(f.far, 53), at(f.far, 13041), at(f.far, 1)} {
				w.requireRedirected(t, tcp(to))
			}
			w.requireNothingLeft(t)
		})
		t.Run("is led there with a mark and from any user, too", func(t *testing.T) {
			marked := tcp(at(f.far, 80))
			marked.Mark = int(redirect.Mark)
			w.requireRedirected(t, marked)
			user := kit.NewActor(t, w.identity(1000, w.cgroups.app))
			say := unique(t, "user")
			got, err := user.Talk(kit.Talk{Dial: tcp(at(f.far, 80)), Send: say})
			require.NoError(t, err)
			require.Equal(t, "egress "+say, got.Text)
			w.requireNothingLeft(t)
		})
		t.Run("is answered by the proxy whatever name server it asks", func(t *testing.T) {
			for _, to := range []netip.Addr{f.node, f.far} {
				got, err := w.app.Talk(kit.Talk{Dial: udp(at(to, 53)), Send: "name?"})
				require.NoError(t, err)
				require.Equal(t, "dns name?", got.Text)
			}
			w.requireNothingLeft(t)
		})
		t.Run("asks the explicit proxy by its address", func(t *testing.T) {
			got, err := w.app.Talk(kit.Talk{Dial: tcp(at(f.loopback, apis.PortEgressHTTP)), Send: "GET"})
			require.NoError(t, err)
			require.Equal(t, "explicit GET", got.Text)
		})
		t.Run("talks to itself, on loopback and on the pod's address", func(t *testing.T) {
			id := w.listen(w.app, kit.Listen{Network: "tcp", At: at(f.outer, 8080), Echo: "self "})
			defer w.app.StopListening(id)
			for _, to := range []netip.Addr{f.loopback, f.pod} {
				got, err := w.app.Talk(kit.Talk{Dial: tcp(at(to, 8080)), Send: "hello"})
				require.NoError(t, err)
				require.Equal(t, "self hello", got.Text)
			}
		})
		t.Run("gets no datagram out that is not DNS", func(t *testing.T) {
			w.requireCounted(t, f, "ds-out-drop-udp", func() {
				for _, to := range []netip.Addr{f.node, f.far} {
					_, err := w.app.Talk(kit.Talk{Dial: short(udp(at(to, 9))), Send: secret})
					require.Error(t, err)
				}
			})
			w.requireSecretKept(t)
		})
		t.Run("cannot tell routers which groups it joins", func(t *testing.T) {
			rule := map[iptables.Family]string{iptables.V4: "ds-out-drop-other", iptables.V6: "ds-out-drop-icmp"}[f.name]
			w.requireCounted(t, f, rule, func() {
				require.NoError(t, w.app.Join(map[iptables.Family]netip.Addr{iptables.V4: addr("239.1.2.3"), iptables.V6: addr("ff05::1234")}[f.name]))
				time.Sleep(100 * time.Millisecond) // MLD waits a moment
			})
			w.requireNothingLeft(t)
		})
		t.Run("gets no ping out", func(t *testing.T) {
			w.requireCounted(t, f, "ds-out-drop-icmp", func() { require.Error(t, w.app.Ping(f.far)) })
			w.requireSecretKept(t)
		})
	})
}

func (w *world) requireRedirected(t *testing.T, d kit.Dial) {
	t.Helper()
	say := unique(t, d.To.String())
	got, err := w.app.Talk(kit.Talk{Dial: d, Send: say})
	require.NoError(t, err, "%s", d.To)
	require.Equal(t, "egress "+say, got.Text)
	meant, ok := original(w.proxy, w.egress, say)
	require.True(t, ok)
	require.Equal(t, d.To, meant, "the proxy learns where the application meant to go")
}

// requireCounted: f makes the rule count.
func (w *world) requireCounted(t *testing.T, fam family, rule string, f func()) {
	t.Helper()
	before := w.count(fam, rule)
	f()
	require.Greater(t, w.count(fam, rule), before, "%s counts it", rule)
}

// TestRawSockets: with CAP_NET_RAW, which the webhook takes away, nothing leaves either.
func TestRawSockets(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		for name, packet := range rawPackets(f) {
			t.Run("do not get out "+name, func(t *testing.T) {
				for _, mark := range []int{0, int(redirect.Mark)} {
					for _, device := range []string{"", "eth0"} {
						packet.To, packet.Mark, packet.Device = f.far, mark, device
						if err := w.app.SendRaw(packet); err != nil {
							require.ErrorContains(t, err, "not permitted", "%s: dropped by filter, or by the kernel itself", name)
						}
					}
				}
				w.requireSecretKept(t)
			})
		}
	})
}

// TestRawSocketsGetOutOfAPodWithoutRules proves that the packets above are such as leave, if nobody stops them.
func TestRawSocketsGetOutOfAPodWithoutRules(t *testing.T) {
	pod := kit.NewPod(t)
	root := kit.NewActor(t, kit.Identity{NS: pod.NS, Keep: kit.ContainerCapabilities()})
	wire := pod.Capture(t)
	for _, f := range families() {
		for name, packet := range rawPackets(f) {
			packet.To = f.far
			require.NoError(t, root.SendRaw(packet), "%s %s", f.name, name)
			left := slices.DeleteFunc(wire.Take(), func(p kit.Packet) bool { return !p.Out || !bytes.Contains(p.Payload, []byte(secret)) })
			require.NotEmpty(t, left, "%s %s", f.name, name)
		}
	}
}

func rawPackets(f family) map[string]kit.Raw {
	icmp := append([]byte{f.echo, 0, 0, 0, 0, 1, 0, 1}, secret...)
	packets := map[string]kit.Raw{
		"an echo request":   {Protocol: f.protocol, Payload: icmp},
		"an echo reply":     {Protocol: f.protocol, Payload: append([]byte{map[byte]byte{8: 0, 128: 129}[f.echo], 0, 0, 0, 0, 1, 0, 1}, secret...)},
		"an ICMP error":     {Protocol: f.protocol, Payload: append([]byte{f.unreachable, 1, 0, 0, 0, 0, 0, 0}, secret...)},
		"SCTP":              {Protocol: unix.IPPROTO_SCTP, Payload: append([]byte{0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, secret...)},
		"GRE":               {Protocol: unix.IPPROTO_GRE, Payload: append([]byte{0, 0, 8, 0}, secret...)},
		"UDP-Lite":          {Protocol: unix.IPPROTO_UDPLITE, Payload: append([]byte{0, 9, 0, 9, 0, 0, 0, 0}, secret...)},
		"IP in IP":          {Protocol: unix.IPPROTO_IPIP, Payload: []byte(secret)},
		"IPv6 in IP":        {Protocol: unix.IPPROTO_IPV6, Payload: []byte(secret)},
		"an unknown thing":  {Protocol: 253, Payload: []byte(secret)},
		"UDP to port 9":     {Protocol: unix.IPPROTO_UDP, Payload: datagram(f, 4000, 9)},
		"UDP from port 53":  {Protocol: unix.IPPROTO_UDP, Payload: datagram(f, 53, 4000)},
		"nothing but a TCP": {Protocol: unix.IPPROTO_TCP, Payload: []byte(secret)},
	}
	for name, flags := range map[string]kit.Flags{
		"an RST": kit.RST, "an RST+ACK": kit.RST | kit.ACK, "a NULL segment": 0, "a SYN+FIN": kit.SYN | kit.FIN, "an ACK": kit.ACK,
		"a SYN with data": kit.SYN, "a FIN": kit.FIN, "a SYN+ACK": kit.SYN | kit.ACK, "a PSH+ACK": kit.PSH | kit.ACK, "a christmas tree": 0xff,
	} {
		packets[name] = kit.Raw{Protocol: unix.IPPROTO_TCP, Payload: segment(f, 4001, 80, flags, secret)}
	}
	if f.pod.Is4() {
		packets["a fragment, the first"] = kit.Raw{Protocol: unix.IPPROTO_RAW, Header: true, Payload: header4(f, 0x2000, datagram(f, 4000, 9))}
		packets["a fragment, a later one"] = kit.Raw{Protocol: unix.IPPROTO_RAW, Header: true, Payload: header4(f, 3, []byte(secret+"......"))}
		packets["a packet with another's address"] = kit.Raw{Protocol: unix.IPPROTO_RAW, Header: true, Payload: header4(family{pod: addr("192.0.2.1"), far: f.far}, 0, datagram(f, 4000, 9))}
		lie := header4(f, 0, datagram(f, 4000, 9))
		lie[0] = 0x65
		packets["a header that claims IPv6"] = kit.Raw{Protocol: unix.IPPROTO_RAW, Header: true, Payload: lie}
	} else {
		solicitation := slices.Concat([]byte{135, 0, 0, 0, 0, 0, 0, 0}, f.far.AsSlice(), []byte(secret))
		packets["a solicitation of its own"] = kit.Raw{Protocol: f.protocol, Payload: solicitation}
	}
	return packets
}

func segment(f family, from, to uint16, flags kit.Flags, data string) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	binary.BigEndian.PutUint32(b[4:], 1000)
	binary.BigEndian.PutUint32(b[8:], 2000)
	b[12], b[13] = 5<<4, byte(flags)
	binary.BigEndian.PutUint16(b[14:], 512)
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[16:], checksum(f.pod, f.far, unix.IPPROTO_TCP, b))
	return b
}

func datagram(f family, from, to uint16) []byte {
	b := make([]byte, 8)
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	b = append(b, secret...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[6:], checksum(f.pod, f.far, unix.IPPROTO_UDP, b))
	return b
}

// header4 puts an IPv4 header of UDP before the payload; the kernel fills in length and checksum.
func header4(f family, fragment uint16, payload []byte) []byte {
	b := make([]byte, 20)
	b[0], b[8], b[9] = 0x45, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(b[4:], 77)
	binary.BigEndian.PutUint16(b[6:], fragment)
	copy(b[12:], f.pod.AsSlice())
	copy(b[16:], f.far.AsSlice())
	return append(b, payload...)
}

func TestSocketsBoundToTheInterface(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		attempt := func() {
			for _, port := range []uint16{80, 13031} {
				d := tcp(at(f.far, port))
				d.Device = "eth0"
				_, err := w.app.Talk(kit.Talk{Dial: short(d), Send: secret})
				require.Error(t, err)
			}
			for _, port := range []uint16{53, 9} {
				d := udp(at(f.far, port))
				d.Device = "eth0"
				_, err := w.app.Talk(kit.Talk{Dial: short(d), Send: secret})
				require.Error(t, err)
			}
		}
		t.Run("get nothing out", func(t *testing.T) {
			w.requireCounted(t, f, "ds-wire-drop", attempt)
			w.requireSecretKept(t)
		})
		t.Run("would get redirected packets out, were it not for the last look in mangle", func(t *testing.T) {
			desired := w.bound()
			for i, set := range desired {
				desired[i].Tables = slices.DeleteFunc(slices.Clone(set.Tables), func(table iptables.Table) bool { return table.Name == "mangle" })
			}
			w.enforce(desired)
			attempt()
			leaked := w.wire.Left()
			w.enforce(w.bound())
			require.NotEmpty(t, leaked, "or mangle is not needed: take it out")
			t.Log(leaked[0])
		})
	})
}

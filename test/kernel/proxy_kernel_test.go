//go:build kernel

package kernel_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
)

func tcp(to netip.AddrPort) kit.Dial { return kit.Dial{Network: "tcp", To: to} }

func udp(to netip.AddrPort) kit.Dial { return kit.Dial{Network: "udp", To: to} }

// short is for what is to fail.
func short(d kit.Dial) kit.Dial {
	d.Timeout = 250 * time.Millisecond
	return d
}

func TestTheProxy(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		t.Run("reaches the outside over TCP, near and far", func(t *testing.T) {
			for _, to := range []netip.Addr{f.node, f.far} {
				got, err := w.proxy.Talk(kit.Talk{Dial: tcp(at(to, 80)), Send: "hello"})
				require.NoError(t, err)
				require.Equal(t, "outside hello", got.Text)
			}
		})
		t.Run("reaches name servers over UDP, and nothing else over UDP", func(t *testing.T) {
			got, err := w.proxy.Talk(kit.Talk{Dial: udp(at(f.far, 53)), Send: "name?"})
			require.NoError(t, err)
			require.Equal(t, "outside 53 name?", got.Text)
			w.wire.Take()
			_, err = w.proxy.Talk(kit.Talk{Dial: short(udp(at(f.far, 9))), Send: "data"})
			require.Error(t, err)
			w.requireNothingLeft(t)
		})
		t.Run("gets every connection from outside, whatever the port, and learns what it was for", func(t *testing.T) {
			for _, port := range []uint16{1, 80, 8081, 65535} {
				say := unique(t, "port "+at(f.pod, port).String())
				got, err := w.node.Talk(kit.Talk{Dial: tcp(at(f.pod, port)), Send: say})
				require.NoError(t, err, "port %d", port)
				require.Equal(t, "ingress "+say, got.Text)
				meant, ok := original(w.proxy, w.ingress, say)
				require.True(t, ok)
				require.Equal(t, at(f.pod, port), meant)
			}
		})
		t.Run("is not asked for a port on which nobody in the pod listens: that is refused, as the kubelet must see", func(t *testing.T) {
			loopback := w.listen(w.app, kit.Listen{Network: "tcp", At: at(f.loopback, 8082)})
			defer w.app.StopListening(loopback)
			w.wire.Take()
			w.requireCounted(t, f, "ds-in-refuse", func() {
				for _, port := range []uint16{8083, 8082} {
					_, err := w.node.Dial(short(tcp(at(f.pod, port))))
					require.ErrorContains(t, err, "refused", "port %d", port)
				}
			})
			for _, p := range w.wire.Take() {
				require.True(t, !p.Out || p.Protocol == "arp" || p.Discovery() || p.Flags == kit.RST|kit.ACK && len(p.Payload) == 0, "%s", p)
			}
		})
		t.Run("is asked for a port as soon as the application listens there, on the pod's address alone, too", func(t *testing.T) {
			id := w.listen(w.app, kit.Listen{Network: "tcp", At: at(f.pod, 8083)})
			got, err := w.node.Talk(kit.Talk{Dial: tcp(at(f.pod, 8083)), Send: "hello"})
			require.NoError(t, err)
			require.Equal(t, "ingress hello", got.Text)
			require.NoError(t, w.app.StopListening(id))
			_, err = w.node.Dial(short(tcp(at(f.pod, 8083))))
			require.ErrorContains(t, err, "refused")
		})
		t.Run("is asked by the kubelet whether it is ready", func(t *testing.T) {
			got, err := w.node.Talk(kit.Talk{Dial: tcp(at(f.pod, apis.PortReady)), Send: "?"})
			require.NoError(t, err)
			require.Equal(t, "ready ?", got.Text)
		})
		t.Run("speaks first, if it wants to", func(t *testing.T) {
			greeter := w.listen(w.proxy, kit.Listen{Network: "tcp", At: at(f.loopback, 2525), Greet: "220 hello"})
			defer w.proxy.StopListening(greeter)
			got, err := w.app.Talk(kit.Talk{Dial: tcp(at(f.loopback, 2525))})
			require.NoError(t, err)
			require.Equal(t, "220 hello", got.Text)
		})
		t.Run("hands a connection to the application from an address of its own, and is not called again", func(t *testing.T) {
			w.wire.Take()
			say := unique(t, "handed on")
			id := w.listen(w.app, kit.Listen{Network: "tcp", At: at(f.outer, 8080), Echo: "app "})
			defer w.app.StopListening(id)
			got, err := w.proxy.Talk(kit.Talk{Dial: w.handsOn(f, 8080), Send: say})
			require.NoError(t, err)
			require.Equal(t, "app "+say, got.Text)
			require.Equal(t, f.inner, w.app.Accepted(id)[0].Remote.Addr())
			_, looped := original(w.proxy, w.ingress, say)
			require.False(t, looped)
			w.requireNothingLeft(t)
		})
		t.Run("enters its own pod by the ingress, once, when it calls the pod's address", func(t *testing.T) {
			w.wire.Take()
			say := unique(t, "own pod")
			got, err := w.proxy.Talk(kit.Talk{Dial: tcp(at(f.pod, 8080)), Send: say})
			require.NoError(t, err)
			require.Equal(t, "ingress "+say, got.Text)
			meant, ok := original(w.proxy, w.ingress, say)
			require.True(t, ok)
			require.Equal(t, at(f.pod, 8080), meant)
			w.requireNothingLeft(t)
		})
	})
}

func TestConnectionsToTheProxyEndAsTheyShould(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		t.Run("refused with RST while it does not listen", func(t *testing.T) {
			for _, l := range w.ingress {
				require.NoError(t, w.proxy.StopListening(l))
			}
			_, err := w.node.Dial(tcp(at(f.pod, 80)))
			require.ErrorContains(t, err, "refused")
			w.serveIngress(kit.Listen{Reuse: true, Echo: "ingress "})
		})
		t.Run("acknowledged while the proxy has not accepted them yet", func(t *testing.T) {
			w.serveIngress(kit.Listen{Reuse: true, Hold: true})
			w.requireCounted(t, f, "ds-out-proxy-unowned", func() {
				id, err := w.node.Dial(tcp(at(f.pod, 80)))
				require.NoError(t, err)
				require.NoError(t, w.node.Write(id, "early"))
				require.Eventually(t, func() bool {
					return slices.ContainsFunc(w.wire.Left(), func(p kit.Packet) bool { return p.Flags == kit.ACK })
				}, 30*time.Second, 10*time.Millisecond)
				require.NoError(t, w.node.Close(id))
			})
		})
		t.Run("closed by it first: the last segments are answered from TIME_WAIT", func(t *testing.T) {
			w.serveIngress(kit.Listen{Reuse: true, Greet: "bye", Close: true})
			w.wire.Take()
			id, err := w.node.Dial(tcp(at(f.pod, 80)))
			require.NoError(t, err)
			got, err := w.node.Read(id, 10*time.Second)
			require.NoError(t, err)
			require.Equal(t, "bye", got.Text)
			require.NoError(t, w.node.Close(id))
			requireTimeWaitAnswers(t, w, f)
		})
	})
}

// requireTimeWaitAnswers sends the last FIN of the captured connection again, as if the pod's last ACK had been lost.
func requireTimeWaitAnswers(t *testing.T, w *world, f family) {
	t.Helper()
	var fin kit.Packet
	for _, p := range w.wire.Take() {
		if p.Protocol == "tcp" && !p.Out && p.Flags&kit.FIN != 0 {
			fin = p
		}
	}
	require.NotZero(t, fin.Seq, "the peer closed, too")
	time.Sleep(600 * time.Millisecond) // out-of-window ACKs are rate-limited to one in half a second
	segment := make([]byte, 20)
	binary.BigEndian.PutUint16(segment, fin.Src.Port())
	binary.BigEndian.PutUint16(segment[2:], fin.Dst.Port())
	binary.BigEndian.PutUint32(segment[4:], fin.Seq)
	binary.BigEndian.PutUint32(segment[8:], fin.Ack)
	segment[12], segment[13] = 5<<4, byte(kit.FIN|kit.ACK)
	binary.BigEndian.PutUint16(segment[14:], 512)
	binary.BigEndian.PutUint16(segment[16:], checksum(f.node, f.pod, 6, segment))
	require.NoError(t, w.node.SendRaw(kit.Raw{To: f.pod, Protocol: 6, Payload: segment}))
	left := w.wire.Left()
	require.Len(t, left, 1, "the ACK of TIME_WAIT")
	require.Equal(t, kit.ACK, left[0].Flags)
	require.Equal(t, fin.Seq+1, left[0].Ack)
}

// checksum is that of TCP, UDP and ICMPv6 with their pseudo-header (RFC 9293, RFC 8200).
func checksum(src, dst netip.Addr, protocol byte, segment []byte) uint16 {
	b := append(src.AsSlice(), dst.AsSlice()...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(segment)))
	b = append(b, 0, 0, 0, protocol)
	b = append(b, segment...)
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

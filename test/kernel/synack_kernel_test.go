//go:build kernel

package kernel_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

// record is what the thief carries out, six bits and two bytes a SYN+ACK.
const record = "patient 4711: positive"

// fields encodes two characters and a number below 32 in the header fields that a listener chooses.
func fields(a, b byte, n int) kit.Fields {
	segment := 1200 + uint16(b)
	return kit.Fields{HopLimit: a, Segment: segment, TrafficClass: byte(n+1) << 2, Window: (segment - 12) * uint16(1+n)} // 12: timestamps
}

// While the proxy restarts, and its exemption is bound to a container that does not listen yet, a process with the proxy's user listens on
// the proxy's ports. A caller outside whom the policies let in reads what the thief has chosen for its SYN+ACKs.
func TestAThiefAnswersInTheProxysPlace(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		w.proxy.Stop()
		before := w.bound()
		for i := range before {
			before[i] = before[i].Edit(withoutMark)
		}
		t.Run("and is read by a caller outside, with the rules before the packet mark", func(t *testing.T) {
			require.Equal(t, record, w.carry(t, f, before))
		})
		t.Run("and nothing of it leaves", func(t *testing.T) {
			w.wire.Take()
			require.Empty(t, w.carry(t, f, w.bound()))
			w.requireNothingLeft(t)
		})
		w.proxy, w.ingress = kit.NewActor(t, w.identity(uint32(apis.ProxyUID), w.cgroups.proxy)), nil
		w.enforce(w.bound())
		w.serve()
		t.Run("nor while it shares the port with the proxy", func(t *testing.T) {
			thief := w.thief(t)
			id := w.listen(thief, kit.Listen{Network: "tcp", At: at(f.outer, apis.PortIngressTCP), Reuse: true, Fields: fields('a', 'b', 7)})
			defer thief.StopListening(id)
			w.wire.Take()
			require.NotZero(t, w.knock(t, w.node, at(f.pod, 80)), "it was given some connections: the test shows something")
			answers := slices.DeleteFunc(w.wire.Left(), func(p kit.Packet) bool { return p.Flags != kit.SYN|kit.ACK })
			require.NotEmpty(t, answers, "the proxy's")
			for _, p := range answers {
				require.NotEqual(t, byte('a'), p.Fields.HopLimit, "%s", p)
			}
			require.Empty(t, thief.Accepted(id), "no handshake is completed")
		})
	})
}

// withoutMark makes the rule for SYN+ACKs ask for the user alone, as it did before.
func withoutMark(_, _ string, r iptables.Rule) iptables.Rule {
	if r.Comment == "ds-out-proxy-synack" {
		r.Matches = slices.DeleteFunc(r.Matches, func(m iptables.Match) bool { _, is := m.(iptables.PacketMark); return is })
	}
	return r
}

// withAnyLength makes a rule that asks for the length of segments let all lengths pass.
func withAnyLength(r iptables.Rule) iptables.Rule {
	for i, m := range r.Matches {
		if _, is := m.(iptables.Length); is {
			r.Matches[i] = iptables.Length{Max: 1500}
		}
	}
	return r
}

// carry restarts the proxy once per SYN+ACK, and returns what the caller decodes.
func (w *world) carry(t *testing.T, f family, rules []iptables.Ruleset) string {
	t.Helper()
	thief, read := w.thief(t), ""
	for i := 0; i < len(record); i += 2 {
		w.cgroups.proxy.Remove(t) // the next life of the proxy's container
		w.cgroups.proxy.Make(w.t)
		_, err := w.plane.Rewrite(t.Context(), w.NS, rules)
		require.NoError(t, err)
		port := []uint16{apis.PortIngressTCP, apis.PortReady}[i/2%2]
		id := w.listen(thief, kit.Listen{Network: "tcp", At: at(f.outer, port), Hold: true, Fields: fields(record[i], record[i+1], i)})
		w.wire.Take()
		called := map[uint16]uint16{apis.PortIngressTCP: 80, apis.PortReady: apis.PortReady}[port]
		if c, err := w.node.Dial(short(tcp(at(f.pod, called)))); err == nil {
			defer w.node.Close(c)
		}
		for _, p := range w.wire.Left() {
			if p.Flags == kit.SYN|kit.ACK {
				got := p.Fields
				require.Equal(t, fields(got.HopLimit, byte(got.Segment-1200), i), got, "window and traffic class are the thief's choice, too")
				read += string([]byte{got.HopLimit, byte(got.Segment - 1200)})
				break
			}
		}
		require.NoError(t, thief.StopListening(id))
	}
	return read
}

// A caller who foretells the sequence number of a SYN+ACK that does not leave can complete the handshake all the same. (The test lets the
// SYN+ACK out instead.) When the thief then closes its port without having accepted, the kernel resets the connection
// with the fields that the thief has chosen for the port, in a packet that no process owns.
func TestTheResetOfAConnectionThatAThiefHasNotAccepted(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		w.proxy.Stop()
		reset := func(rules []iptables.Ruleset, within time.Duration) bool {
			t.Helper()
			for i := range rules {
				rules[i] = rules[i].Edit(withoutMark)
			}
			w.enforce(rules)
			thief := w.thief(t)
			id := w.listen(thief, kit.Listen{Network: "tcp", At: at(f.outer, apis.PortIngressTCP), Hold: true, Fields: fields('a', 'b', 7)})
			c, err := w.node.Dial(tcp(at(f.pod, 80)))
			require.NoError(t, err)
			defer w.node.Close(c)
			w.wire.Take()
			require.NoError(t, thief.StopListening(id))
			for end := time.Now().Add(within); ; time.Sleep(10 * time.Millisecond) {
				left := slices.ContainsFunc(w.wire.Left(), func(p kit.Packet) bool { return p.Flags&kit.RST != 0 && p.Fields.HopLimit == 'a' })
				if left || time.Now().After(end) {
					return left
				}
			}
		}
		require.True(t, reset(without(w.bound(), "ds-out-orphan"), 30*time.Second), "or the rule is not needed")
		require.False(t, reset(w.bound(), 100*time.Millisecond))
	})
}

// Under SYN cookies the kernel makes the SYN+ACK from no socket at all, but with the mark of the listener.
func TestTheProxyAnswersWithSYNCookies(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		require.NoError(t, w.NS.Do(func() error {
			kit.Sysctl(t, "net/ipv4/tcp_syncookies", "2")
			return nil
		}))
		got, err := w.node.Talk(kit.Talk{Dial: tcp(at(f.pod, 80)), Send: "hello"})
		require.NoError(t, err)
		require.Equal(t, "ingress hello", got.Text)
	})
}

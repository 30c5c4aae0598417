//go:build kernel

package kernel_test

import (
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

// thief is a process of the application's container that took the proxy's user.
func (w *world) thief(t *testing.T) *kit.Actor {
	t.Helper()
	return kit.NewActor(t, w.identity(uint32(apis.ProxyUID), w.cgroups.app))
}

func TestTheProxysUserOutsideItsContainer(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		thief := w.thief(t)
		for name, d := range map[string]kit.Dial{
			"TCP": tcp(at(f.far, 80)), "DNS": udp(at(f.far, 53)), "a datagram": udp(at(f.far, 9)), "TCP on loopback": tcp(at(f.loopback, apis.PortEgressHTTP)),
		} {
			t.Run("is refused and counted: "+name, func(t *testing.T) {
				w.requireCounted(t, f, "ds-out-impersonation", func() {
					_, err := thief.Talk(kit.Talk{Dial: short(d), Send: secret})
					require.Error(t, err)
				})
				w.requireSecretKept(t)
			})
		}
		t.Run("is refused and counted: a ping", func(t *testing.T) {
			w.requireCounted(t, f, "ds-out-impersonation", func() { require.Error(t, thief.Ping(f.far)) })
			w.requireSecretKept(t)
		})
	})
}

func TestAnotherUserInTheProxysContainer(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		for name, who := range map[string]kit.Identity{
			"root": {NS: w.NS, Cgroup: w.cgroups.proxy, Keep: kit.ContainerCapabilities()}, "a user": w.identity(1000, w.cgroups.proxy),
		} {
			t.Run("is led to the proxy like any application: "+name, func(t *testing.T) {
				stray := kit.NewActor(t, who)
				say := unique(t, "stray")
				got, err := stray.Talk(kit.Talk{Dial: tcp(at(f.far, 80)), Send: say})
				require.NoError(t, err)
				require.Equal(t, "egress "+say, got.Text)
				_, err = stray.Talk(kit.Talk{Dial: short(udp(at(f.far, 9))), Send: secret})
				require.Error(t, err)
				require.Error(t, stray.Ping(f.far))
				w.requireSecretKept(t)
			})
		}
	})
}

func TestDirectCallsOfTheProxysPorts(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		closed := []uint16{apis.PortEgressTCP, apis.PortIngressTCP}
		attempt := func(a *kit.Actor, d kit.Dial) {
			t.Helper()
			_, err := a.Talk(kit.Talk{Dial: short(d), Send: "direct"})
			require.Error(t, err, "%s", d.To)
		}
		t.Run("are dropped, from the application", func(t *testing.T) {
			w.requireCounted(t, f, "ds-in-direct", func() {
				for _, port := range closed {
					attempt(w.app, tcp(at(f.loopback, port)))
					attempt(w.app, tcp(at(f.pod, port)))
				}
			})
		})
		t.Run("are dropped, from outside, also those of the explicit proxy", func(t *testing.T) {
			w.requireCounted(t, f, "ds-in-direct", func() {
				for _, port := range append(closed, apis.PortEgressHTTP) {
					attempt(w.node, tcp(at(f.pod, port)))
				}
			})
			w.requireNothingLeft(t)
		})
		t.Run("of its name server are dropped from outside", func(t *testing.T) {
			_, err := w.node.Talk(kit.Talk{Dial: short(udp(at(f.pod, apis.PortDNS))), Send: "name?"})
			require.Error(t, err)
			w.requireNothingLeft(t)
		})
		for _, l := range append(w.ingress, w.egress...) {
			for _, c := range w.proxy.Accepted(l) {
				require.NotEqual(t, "direct", c.Heard)
			}
		}
	})
}

// Addresses and ports of a connection that bears the proxy's mark are no way out for others.
func TestTheAddressesOfTheProxysConnections(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		t.Run("let no forged segment of a live connection out", func(t *testing.T) {
			id, err := w.proxy.Dial(tcp(at(f.far, 80)))
			require.NoError(t, err)
			defer w.proxy.Close(id)
			require.NoError(t, w.proxy.Write(id, "hello"))
			got, err := w.proxy.Await(id)
			require.NoError(t, err)
			w.wire.Take()
			for _, flags := range []kit.Flags{kit.ACK, kit.PSH | kit.ACK, kit.RST, kit.SYN | kit.ACK, kit.FIN | kit.ACK} {
				_ = w.app.SendRaw(kit.Raw{To: f.far, Protocol: 6, Payload: segment(f, got.Local.Port(), 80, flags, secret)}) // refused or dropped
			}
			w.requireSecretKept(t)
		})
		for name, call := range map[string]kit.Dial{"TCP": tcp(at(f.far, 80)), "DNS": udp(at(f.far, 53))} {
			t.Run("are of no use to another socket after they were closed: "+name, func(t *testing.T) {
				call.From = at(f.pod, 40000+uint16(len(name)))
				_, err := w.proxy.Talk(kit.Talk{Dial: call, Send: "hello"})
				require.NoError(t, err)
				w.wire.Take()
				_, _ = w.app.Talk(kit.Talk{Dial: short(call), Send: secret}) // led to the proxy, or dropped
				_, _ = w.thief(t).Talk(kit.Talk{Dial: short(call), Send: secret})
				w.requireSecretKept(t)
			})
		}
	})
}

// impostors is how many connections a test makes: the kernel spreads them evenly over the sockets of a port.
const impostors = 24

// TestSomebodyElseListensOnAPortOfTheProxy: with the proxy's user a process can join its port (SO_REUSEPORT), and is given
// half of the connections. It gets no data and nothing of what it says leaves.
func TestSomebodyElseListensOnAPortOfTheProxy(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		thief := w.thief(t)
		for name, quits := range map[string]bool{"waits": false, "speaks first and closes": true} {
			t.Run("that of the ingress, and "+name, func(t *testing.T) {
				id := w.listen(thief, kit.Listen{Network: "tcp", At: at(f.outer, apis.PortIngressTCP), Reuse: true, Greet: secret, Close: quits})
				defer thief.StopListening(id)
				w.wire.Take()
				w.requireCounted(t, f, "ds-out-drop-tcp", func() { // the thief's SYN+ACKs
					require.NotZero(t, w.knock(t, w.node, at(f.pod, 80)), "it was given some connections: the test shows something")
				})
				time.Sleep(600 * time.Millisecond) // for what is sent again
				for _, p := range w.wire.Take() {
					require.NotContains(t, string(p.Payload), secret, "%s", p)
				}
				require.Empty(t, thief.Accepted(id))
			})
		}
		t.Run("that of the egress", func(t *testing.T) {
			id := w.listen(thief, kit.Listen{Network: "tcp", At: at(f.loopback, apis.PortEgressTCP), Reuse: true})
			defer thief.StopListening(id)
			require.NotZero(t, w.knock(t, w.app, at(f.far, 80)), "what it was given stays without an answer")
			w.requireNothingLeft(t)
		})
	})
}

// knock makes connections and returns how many of them the proxy did not answer.
func (w *world) knock(t *testing.T, who *kit.Actor, to netip.AddrPort) int {
	t.Helper()
	var unanswered atomic.Int32
	var group sync.WaitGroup
	for range impostors {
		group.Go(func() {
			got, err := who.Talk(kit.Talk{Dial: short(tcp(to)), Send: "data for the proxy"})
			if err != nil || got.Bytes == 0 {
				unanswered.Add(1)
			}
			if strings.Contains(got.Text, secret) {
				t.Errorf("the impostor was heard: %q", got.Text)
			}
		})
	}
	group.Wait()
	return int(unanswered.Load())
}

// With one mark for both directions, and data let out by the mark alone, what such an impostor has written when it closes would
// be sent by the kernel, in nobody's name. Either of the two keeps it in.
func TestWithOneMarkThatLetsDataOutAnImpostorsLastWordsWouldLeave(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		thief := w.thief(t)
		desired := without(w.bound(), "ds-out-orphan") // it keeps them in as well
		for i := range desired {
			desired[i] = desired[i].Edit(func(_, chain string, r iptables.Rule) iptables.Rule {
				if _, marks := r.Target.(iptables.SetConnMark); chain == "DS-COMING" && marks {
					r.Target = iptables.SetConnMark{Mark: iptables.WholeMark(redirect.Mark)}
				}
				r = withoutMark("", chain, r) // it keeps the impostor's handshakes from being completed
				if r.Comment != "ds-out-kernel" {
					return r
				}
				for i, m := range r.Matches {
					if _, is := m.(iptables.TCPFlags); is {
						r.Matches[i] = iptables.TCPFlags{Of: iptables.ACK, Set: iptables.ACK}
					}
				}
				return withAnyLength(r)
			})
		}
		w.enforce(desired)
		defer w.enforce(w.bound())
		id := w.listen(thief, kit.Listen{Network: "tcp", At: at(f.outer, apis.PortIngressTCP), Reuse: true, Greet: secret, Close: true})
		defer thief.StopListening(id)
		heard := false
		for range impostors {
			c, err := w.node.Dial(tcp(at(f.pod, 80)))
			require.NoError(t, err)
			defer w.node.Close(c)
		}
		for end := time.Now().Add(30 * time.Second); !heard && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			for _, p := range w.wire.Take() {
				heard = heard || p.Out && string(p.Payload) == secret
			}
		}
		require.True(t, heard, "or neither is needed: make the planner simpler")
	})
}

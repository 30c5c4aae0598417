//go:build kernel

package leak

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
	"data-space.liqo.io/test/leak/attack"
)

// everyBackend runs f for both backends.
func everyBackend(t *testing.T, f func(t *testing.T, w *world, b xtables.Backend)) {
	t.Helper()
	t.Parallel()
	for _, b := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			f(t, newWorld(t), b)
		})
	}
}

// actor is a process in the tenant's container.
func (w *world) actor(uid uint32) *kit.Actor {
	w.t.Helper()
	return kit.NewActor(w.t, kit.Identity{NS: w.NS, Cgroup: w.app, UID: uid, GID: uid, Keep: kit.ContainerCapabilities()})
}

// carried are the packets with the secret in them that left the pod.
func carried(packets []kit.Packet) []kit.Packet {
	return slices.DeleteFunc(packets, func(p kit.Packet) bool { return !p.Out || !strings.Contains(string(p.Payload), attack.Secret) })
}

// TestSocketsOfBeforeTheRules: what was open before the rules came is of no use after.
func TestSocketsOfBeforeTheRules(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world, b xtables.Backend) {
		app, wire := w.actor(0), w.Capture(t)
		for _, to := range []netip.Addr{kit.FarV4(), kit.FarV6()} {
			for network, port := range map[string]uint16{"tcp": 80, "udp": 53} {
				id, err := app.Dial(kit.Dial{Network: network, To: netip.AddrPortFrom(to, port)})
				require.NoError(t, err)
				require.NoError(t, app.Write(id, attack.Secret))
				_, err = app.Await(id)
				require.NoError(t, err)
				require.NotEmpty(t, carried(wire.Take()), "there are no rules yet")
				for _, proxy := range []redirect.Proxy{{}, {Cgroup: w.proxy.Path, Pod: w.pod.Path}} {
					w.enforce(b, redirect.Plan(redirect.Settings{IPv6: true}, proxy))
					wire.Take()
					_ = app.Write(id, attack.Secret) // refused or dropped
					time.Sleep(300 * time.Millisecond)
					require.Empty(t, wire.Left(), "%s to %s, proxy %q", network, to, proxy.Cgroup)
				}
				_ = app.Close(id)
				time.Sleep(300 * time.Millisecond)
				require.Empty(t, wire.Left(), "nor do last words leave")
				require.NoError(t, dataplane.New(b).Clear(t.Context(), w.NS, "ipv4", "ipv6"))
			}
		}
	})
}

// TestSomebodyTakesThePortsOfTheProxyFirst: before it has started, and while it is down, as root and as the proxy's user.
// The pod then has no network, which is its own loss: nothing is heard and nothing is said.
func TestSomebodyTakesThePortsOfTheProxyFirst(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world, b xtables.Backend) {
		w.enforce(b, w.bound())
		app := w.actor(0)
		_, err := app.Listen(kit.Listen{Network: "tcp", At: everywhere(80)})
		require.NoError(t, err)
		wire := w.Capture(t)
		for _, uid := range []uint32{0, uint32(apis.ProxyUID)} {
			taker := w.actor(uid)
			var taken []int
			for _, port := range []uint16{apis.PortIngressTCP, apis.PortReady} {
				id, err := taker.Listen(kit.Listen{Network: "tcp", At: everywhere(port), Greet: attack.Secret, Close: uid != 0})
				require.NoError(t, err)
				taken = append(taken, id)
			}
			for _, to := range []netip.AddrPort{netip.AddrPortFrom(kit.PodV4(), 80), netip.AddrPortFrom(kit.PodV6(), 80), netip.AddrPortFrom(kit.PodV4(), apis.PortReady)} {
				got, _ := w.node.Talk(kit.Talk{Dial: kit.Dial{Network: "tcp", To: to, Timeout: 400 * time.Millisecond}, Send: "data for the proxy"})
				require.Zero(t, got.Bytes, "%s answers as user %d", to, uid)
			}
			for _, id := range taken {
				for _, c := range taker.Accepted(id) {
					require.Zero(t, c.Bytes, "the taker heard %q", c.Heard)
				}
			}
			taker.Stop()
			time.Sleep(500 * time.Millisecond)
			for _, p := range wire.Left() {
				require.True(t, p.Protocol == "tcp" && len(p.Payload) == 0, "%s", p)
			}
		}
	})
}

// TestSomebodyTakesThePortsOfTheProxyWhileItRestarts: again and again, for a moment each, as the proxy's user and ready to share
// them, while calls come from outside. Whoever has a port at whatever moment hears nothing and says nothing.
func TestSomebodyTakesThePortsOfTheProxyWhileItRestarts(t *testing.T) {
	everyBackend(t, func(t *testing.T, w *world, b xtables.Backend) {
		w.enforce(b, w.bound())
		_, err := w.actor(0).Listen(kit.Listen{Network: "tcp", At: everywhere(80)})
		require.NoError(t, err)
		wire := w.Capture(t)
		var taken, answered atomic.Int32
		thief := w.actor(uint32(apis.ProxyUID))
		stop, group := make(chan struct{}), sync.WaitGroup{}
		again := func(f func()) {
			group.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						f()
					}
				}
			})
		}
		for _, port := range []uint16{apis.PortIngressTCP, apis.PortReady} {
			again(func() {
				id, err := thief.Listen(kit.Listen{Network: "tcp", At: everywhere(port), Reuse: true, Greet: attack.Secret})
				if err != nil {
					time.Sleep(time.Millisecond) // the proxy has it
					return
				}
				taken.Add(1)
				time.Sleep(5 * time.Millisecond)
				for _, c := range thief.Accepted(id) {
					assert.Zero(t, c.Bytes, "the thief heard %q", c.Heard)
				}
				_ = thief.StopListening(id)       // an actor forgets what it is told to
				time.Sleep(20 * time.Millisecond) // for the proxy to have it sometimes
			})
		}
		for _, to := range []netip.AddrPort{netip.AddrPortFrom(kit.PodV4(), 80), netip.AddrPortFrom(kit.PodV6(), 80), netip.AddrPortFrom(kit.PodV4(), apis.PortReady)} {
			again(func() {
				got, err := w.node.Talk(kit.Talk{Dial: kit.Dial{Network: "tcp", To: to, Timeout: 100 * time.Millisecond}, Send: "data for the proxy"})
				assert.NotContains(t, got.Text, attack.Secret)
				if err == nil {
					answered.Add(1)
				}
			})
		}
		for range 4 {
			w.launchProxy()
			time.Sleep(time.Second)
			_ = w.envoy.Process.Kill() // unless it gave up because somebody had its port
			_ = w.envoy.Wait()
			time.Sleep(300 * time.Millisecond)
		}
		close(stop)
		group.Wait()
		require.NotZero(t, taken.Load(), "the thief had a port at times")
		require.Empty(t, carried(wire.Take()))
		t.Logf("a port was taken %d times, the proxy answered %d calls", taken.Load(), answered.Load())
	})
}

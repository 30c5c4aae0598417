//go:build kernel

package kernel_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

func TestNeighboursFindEachOther(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		for name, talk := range map[string]func() error{
			"when the pod begins": func() error {
				_, err := w.proxy.Talk(kit.Talk{Dial: tcp(at(f.node, 80)), Send: "hello"})
				return err
			},
			"when the outside begins": func() error {
				_, err := w.node.Talk(kit.Talk{Dial: tcp(at(f.pod, 80)), Send: "hello"})
				return err
			},
		} {
			t.Run(name, func(t *testing.T) {
				w.FlushNeighbours(t)
				w.wire.Take()
				require.NoError(t, talk())
				discovered := slices.ContainsFunc(w.wire.Take(), func(p kit.Packet) bool { return p.Out && (p.Protocol == "arp" || p.Discovery()) })
				require.True(t, discovered, "they had to ask")
			})
		}
	})
}

// TestLargeTransfersOverANarrowLink: ICMP errors that tell of the path's MTU reach the proxy's connections.
func TestLargeTransfersOverANarrowLink(t *testing.T) {
	const bulk = 3 << 20
	t.Parallel()
	for _, b := range backends() {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, b)
			behind := kit.NewActor(t, kit.Identity{NS: w.Behind(t, 1400)})
			w.serveIngress(kit.Listen{Bulk: bulk})
			for _, f := range families() {
				there := map[iptables.Family]netip.Addr{iptables.V4: kit.BehindV4(), iptables.V6: kit.BehindV6()}[f.name]
				t.Run("up, from the proxy, "+string(f.name), func(t *testing.T) {
					id := w.listen(behind, kit.Listen{Network: "tcp", At: at(there, 80)})
					w.wire.Take()
					c, err := w.proxy.Dial(tcp(at(there, 80)))
					require.NoError(t, err)
					require.NoError(t, w.proxy.WriteBulk(c, bulk))
					require.Eventually(t, func() bool { return behind.Accepted(id)[0].Bytes == bulk }, 30*time.Second, 10*time.Millisecond)
					w.requireToldOfMTU(t)
				})
				t.Run("down, from the proxy's ingress, "+string(f.name), func(t *testing.T) {
					w.wire.Take()
					call := tcp(at(f.pod, 80))
					call.From = at(there.Next(), 0)
					c, err := behind.Dial(call)
					require.NoError(t, err)
					require.NoError(t, behind.Write(c, "more"))
					got, err := behind.Read(c, 6*time.Second)
					require.NoError(t, err)
					require.Equal(t, bulk, got.Bytes)
					w.requireToldOfMTU(t)
				})
			}
		})
	}
}

// requireToldOfMTU: "fragmentation needed" (type 3) or "packet too big" (type 2) came in.
func (w *world) requireToldOfMTU(t *testing.T) {
	t.Helper()
	told := func(p kit.Packet) bool {
		return !p.Out && (p.Protocol == "icmp" && p.Type == 3 || p.Protocol == "icmp6" && p.Type == 2)
	}
	require.True(t, slices.ContainsFunc(w.wire.Take(), told), "or the link was not narrow")
}

// TestUnbound: while there is no proxy nothing leaves but the discovery of neighbours, whoever sends.
func TestUnbound(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		w.enforce(unbound())
		defer w.enforce(w.bound())
		w.wire.Take()
		for name, who := range map[string]*kit.Actor{"the proxy": w.proxy, "the application": w.app, "a thief": w.thief(t)} {
			for _, d := range []kit.Dial{tcp(at(f.far, 80)), udp(at(f.far, 53)), udp(at(f.far, 9))} {
				d.Device = "eth0" // without it some would reach the stand-in's listeners on lo
				_, err := who.Talk(kit.Talk{Dial: short(d), Send: secret})
				require.Error(t, err, "%s", name)
			}
			require.Error(t, who.Ping(f.node), "%s", name)
		}
		for name, packet := range rawPackets(f) {
			packet.To = f.far
			if err := w.app.SendRaw(packet); err != nil {
				require.ErrorContains(t, err, "not permitted", name)
			}
		}
		w.requireSecretKept(t)
		for _, port := range []uint16{80, apis.PortIngressTCP, apis.PortReady} {
			_, err := w.node.Dial(short(tcp(at(f.pod, port))))
			require.Error(t, err, "nothing gets in either")
		}
		w.requireNothingLeft(t)
		w.FlushNeighbours(t)
		_, err := w.node.Dial(short(tcp(at(f.pod, 80))))
		require.Error(t, err)
		asked := slices.ContainsFunc(w.wire.Take(), func(p kit.Packet) bool { return p.Out && (p.Protocol == "arp" || p.Discovery()) })
		require.True(t, asked, "the pod still answers its neighbours")
	})
}

// TestRewritingLeavesNoGap: while rules are repaired, rewritten, bound and unbound in a loop, a stream of packets of every
// kind is let out by none of it.
func TestRewritingLeavesNoGap(t *testing.T) {
	const lasting = 5 * time.Second
	t.Parallel()
	for _, b := range backends() {
		t.Run(string(b), func(t *testing.T) {
			w := newWorld(t, b)
			for _, l := range slices.Concat(w.ingress, w.egress) {
				require.NoError(t, w.proxy.StopListening(l)) // nobody is to answer: what leaves, leaves by a gap
			}
			w.wire.Take()
			var group sync.WaitGroup
			var sent atomic.Int64
			for _, who := range []*kit.Actor{w.app, kit.NewActor(t, w.identity(1000, w.cgroups.app))} {
				group.Go(func() {
					n, err := who.Flood(kit.Flood{To: []netip.Addr{kit.NodeV4(), kit.FarV4(), kit.NodeV6(), kit.FarV6()}, For: lasting, Pause: time.Millisecond})
					if err != nil {
						t.Error(err)
					}
					sent.Add(int64(n))
				})
			}
			writes := w.rewriteFor(t, lasting-200*time.Millisecond)
			group.Wait()
			w.requireNothingLeft(t)
			t.Logf("%d packets tried to leave during %d writes", sent.Load(), writes)
			require.Greater(t, sent.Load(), int64(100), "too little was sent to show anything")
			require.Greater(t, writes, 2, "too little was written to show anything")
		})
	}
}

// rewriteFor writes rules in every way that the agent does, and returns how often.
func (w *world) rewriteFor(t *testing.T, lasting time.Duration) int {
	t.Helper()
	ctx := context.Background()
	other, settings := w.cgroups.pod.Child(t, "other"), redirect.Settings{IPv6: true}
	ways := []func() (dataplane.State, error){
		func() (dataplane.State, error) { return w.plane.Rewrite(ctx, w.NS, w.bound()) },
		func() (dataplane.State, error) { return w.plane.Enforce(ctx, w.NS, unbound()) },
		func() (dataplane.State, error) { return w.plane.Enforce(ctx, w.NS, w.bound()) },
		func() (dataplane.State, error) {
			return w.plane.Enforce(ctx, w.NS, redirect.Plan(settings, redirect.Proxy{Cgroup: other.Path}))
		},
		// Without the other tables, so that filter is on its own.
		func() (dataplane.State, error) { return w.plane.Enforce(ctx, w.NS, redirect.Closed(settings)) },
		func() (dataplane.State, error) {
			return w.plane.Enforce(ctx, w.NS, redirect.Opening(settings, w.exempt()))
		},
		func() (dataplane.State, error) {
			return w.plane.Enforce(ctx, w.NS, redirect.Quarantine(settings, []netip.Addr{kit.NodeV4(), kit.NodeV6()}))
		},
		func() (dataplane.State, error) {
			return w.plane.Enforce(ctx, w.NS, redirect.Opening(settings, redirect.Proxy{Cgroup: other.Path}))
		},
	}
	n := 0
	for end := time.Now().Add(lasting); time.Now().Before(end); n++ {
		_, err := ways[n%len(ways)]()
		require.NoError(t, err)
	}
	return n
}

// TestRebind: the proxy's container was started anew.
func TestRebind(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		for _, place := range []string{"at the same path", "at another path"} {
			t.Run(string(b)+", "+place, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, b)
				requireAnswer := func(who *kit.Actor, d kit.Dial) {
					t.Helper()
					_, err := who.Talk(kit.Talk{Dial: d, Send: "hello"})
					require.NoError(t, err)
				}
				requireAnswer(w.proxy, tcp(at(kit.FarV4(), 80)))
				w.proxy.Stop()
				w.cgroups.proxy.Remove(t)
				if place == "at the same path" {
					w.cgroups.proxy.Make(t)
				} else {
					w.cgroups.proxy = w.cgroups.pod.Child(t, "proxy-2")
				}
				w.proxy, w.ingress = kit.NewActor(t, w.identity(uint32(apis.ProxyUID), w.cgroups.proxy)), nil
				w.serve()

				w.wire.Take()
				for _, f := range families() {
					for _, d := range []kit.Dial{tcp(at(f.far, 80)), udp(at(f.far, 53))} {
						_, err := w.proxy.Talk(kit.Talk{Dial: short(d), Send: secret})
						require.Error(t, err, "it is not the proxy until it is bound")
					}
				}
				w.requireSecretKept(t)
				if place == "at the same path" {
					state, err := w.plane.Observe(context.Background(), w.NS, w.bound())
					require.NoError(t, err)
					require.Empty(t, state.Drift, "the text does not show it: whoever starts a container says so")
				}
				state, err := w.plane.Rewrite(context.Background(), w.NS, w.bound())
				require.NoError(t, err)
				require.True(t, state.Wrote)
				for _, f := range families() {
					requireAnswer(w.proxy, tcp(at(f.far, 80)))
					requireAnswer(w.proxy, udp(at(f.far, 53)))
					requireAnswer(w.node, tcp(at(f.pod, 80)))
					requireAnswer(w.app, tcp(at(f.far, 80)))
				}
			})
		}
	}
}

// Rules that name a cgroup which is gone can be replaced, and by rules that name none.
func TestRulesThatNameADeadCgroupCanBeReplaced(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(string(b), func(t *testing.T) {
			w := newWorld(t, b)
			dead := w.bound()
			w.proxy.Stop()
			w.cgroups.proxy.Remove(t)
			_, err := w.plane.Rewrite(context.Background(), w.NS, dead)
			require.ErrorContains(t, err, w.cgroups.proxy.Path, "what cannot be bound is named")
			state, err := w.plane.Observe(context.Background(), w.NS, dead)
			require.NoError(t, err)
			require.Empty(t, state.Drift, "what was there stays")
			w.enforce(unbound())
			w.wire.Take()
			_, err = w.app.Talk(kit.Talk{Dial: short(udp(at(kit.FarV4(), 9))), Send: secret})
			require.Error(t, err)
			w.requireSecretKept(t)
		})
	}
}

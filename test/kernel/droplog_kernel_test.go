//go:build kernel

package kernel_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/dropped"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/droplog"
	"data-space.liqo.io/test/kit"
)

// dropLog is what was logged of dropped packets.
type dropLog struct {
	mu      sync.Mutex
	packets map[dropped.Packet]int
	rules   map[string]uint64
}

// logDrops has the pod's rules log the packets that they drop, and reads the log.
func (w *world) logDrops(t *testing.T, proxy redirect.Proxy) *dropLog {
	t.Helper()
	w.enforce(redirect.Plan(redirect.Settings{IPv6: true, LogDrops: true}, proxy))
	h, listener := &dropLog{packets: map[dropped.Packet]int{}, rules: map[string]uint64{}}, droplog.New(redirect.DropGroup)
	require.NoError(t, listener.Watch("pod", w.NS))
	require.NoError(t, listener.Watch("pod", w.NS), "it listens there already")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); listener.Run(ctx, h.add) }()
	t.Cleanup(func() { cancel(); <-done })
	return h
}

func (h *dropLog) add(_ string, logged droplog.Packet) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p, ok := dropped.Parse(logged.Prefix, logged.IPv6, logged.Bytes); ok {
		h.packets[p]++
		h.rules[p.Rule]++
	}
}

// of returns how many packets were logged of a rule.
func (h *dropLog) of(rule string) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rules[rule]
}

// require waits until a packet has been logged.
func (h *dropLog) require(t *testing.T, p dropped.Packet) {
	t.Helper()
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.packets[p] > 0
	}, time.Minute, 20*time.Millisecond, "%v", p)
}

func TestWhereADroppedPacketWasToGoIsLogged(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		logged := redirect.Plan(redirect.Settings{IPv6: true, LogDrops: true}, w.exempt())
		h := w.logDrops(t, w.exempt())
		_, err := w.app.Talk(kit.Talk{Dial: short(udp(at(f.far, 9))), Send: secret})
		require.Error(t, err)
		require.Error(t, w.app.Ping(f.far))
		outside := tcp(at(f.far, 80))
		outside.Device = "eth0" // past the redirect
		_, err = w.app.Talk(kit.Talk{Dial: short(outside), Send: secret})
		require.Error(t, err)
		_, err = w.node.Talk(kit.Talk{Dial: short(udp(at(f.pod, 9))), Send: "hello"})
		require.Error(t, err)
		if f.pod.Is4() {
			lie := header4(f, 0, datagram(f, 4000, 10))
			lie[0] = 0x65 // it claims IPv6
			if err := w.app.SendRaw(kit.Raw{To: f.far, Protocol: unix.IPPROTO_RAW, Header: true, Payload: lie}); err != nil {
				require.ErrorContains(t, err, "not permitted")
			}
			h.require(t, dropped.Packet{Rule: "ds-out-drop-udp", Protocol: unix.IPPROTO_UDP, Address: f.far, Port: 10})
		}
		h.require(t, dropped.Packet{Rule: "ds-out-drop-udp", Protocol: unix.IPPROTO_UDP, Address: f.far, Port: 9})
		h.require(t, dropped.Packet{Rule: "ds-out-drop-icmp", Protocol: uint8(f.protocol), Address: f.far})
		h.require(t, dropped.Packet{Rule: "ds-in-drop-udp", Protocol: unix.IPPROTO_UDP, Address: f.node, Port: 9})
		w.requireSecretKept(t)
		state, err := w.plane.Enforce(context.Background(), w.NS, logged)
		require.NoError(t, err)
		require.Empty(t, state.Drift, "rules that log do not look like another program's")
		require.False(t, state.Wrote)
		require.NotZero(t, state.Dropped["ds-out-drop-udp"])
		require.NotContains(t, state.Dropped, "ds-log-out-drop-udp", "a packet is counted once")
		now, unchanged := w.plane.Unchanged(w.NS, state)
		require.True(t, unchanged, "their limits are no change of the rules")
		require.Equal(t, state.Hash, now.Hash)
	})
}

// A pod floods: of one rule no more is logged than its limit, and what another rule drops meanwhile is logged.
func TestAFloodOfDroppedPacketsIsLimitedAndBlindsNoOtherRule(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, b)
			other := kit.NewActor(t, kit.Identity{NS: w.NS, Cgroup: w.cgroups.app, Keep: kit.ContainerCapabilities()}) // while the first one floods
			h := w.logDrops(t, w.exempt())
			began := time.Now()
			var to []netip.Addr
			for i := range byte(64) {
				to = append(to, netip.AddrFrom4([4]byte{198, 51, 100, 11 + i}))
			}
			most := func() uint64 { return redirect.DropsPerSecond * uint64(2+time.Since(began)/time.Second) } // of one rule by now
			for w.counted(t, "ds-out-drop-udp") <= 2*most() || w.counted(t, "ds-out-drop-icmp") <= 2*most() {
				require.Less(t, time.Since(began), time.Minute, "it is no flood")
				_, err := w.app.Flood(kit.Flood{To: to, For: time.Second})
				require.NoError(t, err)
			}
			raw := kit.Raw{To: kit.FarV4(), Protocol: 47, Payload: []byte{0, 0, 8, 0, 1, 2, 3, 4}}
			ended := make(chan error, 1)
			go func() { _, err := w.app.Flood(kit.Flood{To: to, For: 2 * time.Second}); ended <- err }()
			if err := other.SendRaw(raw); err != nil {
				require.ErrorContains(t, err, "not permitted")
			}
			h.require(t, dropped.Packet{Rule: "ds-out-drop-other", Protocol: 47, Address: kit.FarV4()})
			require.NoError(t, <-ended)
			for _, rule := range []string{"ds-out-drop-udp", "ds-out-drop-icmp"} {
				logged := h.of(rule)
				require.NotZero(t, logged, rule)
				require.LessOrEqual(t, logged, most(), rule)
			}
		})
	}
}

// counted is how many packets a rule of IPv4 has dropped, of the rules with logs.
func (w *world) counted(t *testing.T, rule string) uint64 {
	t.Helper()
	state, err := w.plane.Observe(context.Background(), w.NS, redirect.Plan(redirect.Settings{IPv6: true, LogDrops: true}, w.exempt()))
	require.NoError(t, err)
	return state.Dropped[rule]
}

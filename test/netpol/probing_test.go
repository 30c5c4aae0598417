//go:build kernel

package netpol

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/test/netpol/oracle"
	"data-space.liqo.io/test/netpol/worlds"
)

// updates is how many random changes are probed with each backend.
const updates = 500

// era is the time of one world: written is false while the change towards it is written.
type era struct {
	begin   time.Time
	verdict []bool   // by probed flow
	between [][]bool // of the states between the changes of a batch
	written bool
}

// slack is how far the moment at which the kernel judges a probe may be outside of those at which its sending began and ended.
const slack = 3 * time.Millisecond

func TestProbesAtOneKilohertzSeeNoGapAndNoLeakWhilePoliciesChange(t *testing.T) {
	for _, backend := range backends() {
		t.Run(string(backend), func(t *testing.T) {
			n := newNode(t)
			filter := nodefilter.New(n.ns, backend)
			probed := 0
			for seed := range uint64(updates / 50) {
				// Half of the worlds change by one thing at a time, the others by up to five.
				probed += probeUpdates(t, n, filter, seed, 1+4*int(seed%2))
				n.forget()
			}
			t.Logf("%d updates, %d probes", updates, probed)
			require.NoError(t, filter.Clear(context.Background(), families()...))
		})
	}
}

// probeUpdates makes 50 changes of a world while flows of it are probed, and compares each probe with the worlds of its
// time. Each step changes up to so many things at once as batches says.
func probeUpdates(t *testing.T, n *node, filter *nodefilter.Filter, seed uint64, batches int) int {
	t.Helper()
	ctx := context.Background()
	random := rand.New(rand.NewPCG(seed, 11))
	w := worlds.New(5000 + seed)
	x := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true, LeafPods: 2, Denial: netpol.Drop, NoLog: true})
	x.Apply(worlds.Changes(t, w.Events())...)
	_, err := filter.Converge(ctx, x.State())
	require.NoError(t, err)

	flows := chooseFlows(random, w, 12)
	verdict := func() []bool {
		out := make([]bool, len(flows))
		for i, p := range flows {
			out[i] = w.Allowed(worlds.Node, p)
		}
		return out
	}
	eras := []era{{begin: time.Now(), verdict: verdict(), written: true}}
	stop := n.probe(flows)
	for step := range 50 {
		time.Sleep(5 * time.Millisecond)
		var batch []netpol.Change
		var between [][]bool
		for range 1 + step%batches {
			batch = append(batch, worlds.Change(t, w.Mutate()))
			between = append(between, verdict())
		}
		deltas := x.Steps(batch...)
		eras = append(eras, era{begin: time.Now(), verdict: verdict(), between: between})
		require.NoError(t, filter.Apply(ctx, deltas...))
		eras = append(eras, era{begin: time.Now(), verdict: eras[len(eras)-1].verdict, written: true})
	}
	time.Sleep(5 * time.Millisecond)
	sent := stop()
	wrong := 0
	for _, p := range sent {
		may, must := bounds(eras, p.sent, p.left, p.index)
		if p.got.Load() && !may || !p.got.Load() && must {
			wrong++
			t.Errorf("seed %d: %+v sent %s after the start: may pass %t, must pass %t, passed %t", seed, flows[p.index], p.sent.Sub(eras[0].begin), may, must, p.got.Load())
		}
	}
	require.Less(t, wrong, 10, "enough")
	return len(sent)
}

// chooseFlows chooses different flows, rather such that a policy judges.
func chooseFlows(random *rand.Rand, w *worlds.World, count int) []oracle.Packet {
	all := packets()
	var flows []oracle.Packet
	for tries := 0; len(flows) < count; tries++ {
		p := all[random.IntN(len(all))]
		if slices.Contains(flows, p) || tries%20 != 0 && w.Allowed(worlds.Node, p) {
			continue
		}
		flows = append(flows, p)
	}
	return flows
}

// bounds are what the worlds from one moment to another say of a flow: a busy machine may stop a sender in between.
func bounds(eras []era, from, to time.Time, flow int) (may, must bool) {
	must = true
	see := func(v bool) { may, must = may || v, must && v }
	for i, e := range eras {
		end := time.Now()
		if i+1 < len(eras) {
			end = eras[i+1].begin
		}
		if to.Before(e.begin.Add(-slack)) || from.After(end.Add(slack)) {
			continue
		}
		see(e.verdict[flow])
		if !e.written {
			see(eras[i-1].verdict[flow])
			for _, v := range e.between {
				see(v[flow])
			}
		}
	}
	return may, must
}

// sentProbe is one probe of a flow.
type sentProbe struct {
	index      int
	sent, left time.Time // when its sending began and ended
	got        atomic.Bool
}

// probe sends a packet of each flow every millisecond until stop is called.
func (n *node) probe(flows []oracle.Packet) (stop func() []*sentProbe) {
	var sent []*sentProbe
	var mu sync.Mutex
	byFlow := map[flow]*sentProbe{}
	done := make(chan struct{})
	var senders, receivers sync.WaitGroup
	senders.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for port := uint16(1000); ; port++ {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			for i, p := range flows {
				f := flow{from: p.From, to: p.To, protocol: number(p.Protocol, p.To.Is6()), source: port, port: uint16(p.Port)}
				mu.Lock()
				s := &sentProbe{index: i, sent: time.Now()}
				sent = append(sent, s)
				byFlow[f] = s
				mu.Unlock()
				_ = n.wireOf(f.from).send(f.packet())
				s.left = time.Now()
			}
		}
	})
	finished := make(chan struct{})
	receivers.Go(func() {
		buffer := make([]byte, 2048)
		for {
			idle := true
			for _, w := range n.wires {
				for packet := w.receive(buffer); packet != nil; packet = w.receive(buffer) {
					idle = false
					if f, ok := parse(packet); ok {
						mu.Lock()
						if s := byFlow[f]; s != nil {
							s.got.Store(true)
						}
						mu.Unlock()
					}
				}
			}
			select {
			case <-finished:
				if idle {
					return
				}
			default:
				if idle {
					time.Sleep(200 * time.Microsecond)
				}
			}
		}
	})
	return func() []*sentProbe {
		close(done)
		senders.Wait()
		time.Sleep(20 * time.Millisecond)
		close(finished)
		receivers.Wait()
		return sent
	}
}

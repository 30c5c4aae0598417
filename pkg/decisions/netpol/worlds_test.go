package netpol_test

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/netpol/interpreter"
	"data-space.liqo.io/test/netpol/oracle"
	"data-space.liqo.io/test/netpol/worlds"
)

func settings() netpol.Settings {
	return netpol.Settings{Node: worlds.Node, IPv6: true, LeafPods: 2}
}

// packets are all pairs of slots (and two addresses outside) on a few ports and protocols.
func packets() []oracle.Packet {
	var out []oracle.Packet
	for from := range worlds.LocalSlots + worlds.RemoteSlots + 2 {
		for to := range worlds.LocalSlots + worlds.RemoteSlots + 2 {
			if from >= worlds.LocalSlots && to >= worlds.LocalSlots {
				continue
			}
			for i, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP, "ICMP"} {
				port := []int32{80, 81, 8080, 90}[(from*3+to+i)%4]
				if protocol == "ICMP" {
					port = 0
				}
				out = append(out,
					oracle.Packet{From: worlds.Address4(from), To: worlds.Address4(to), Protocol: protocol, Port: port},
					oracle.Packet{From: worlds.Address6(from), To: worlds.Address6(to), Protocol: protocol, Port: port})
			}
		}
	}
	return out
}

func family(p oracle.Packet) iptables.Family {
	if p.From.Is4() {
		return iptables.V4
	}
	return iptables.V6
}

func interpret(t *testing.T, tables map[iptables.Family]interpreter.Table, p oracle.Packet) (bool, interpreter.Outcome) {
	t.Helper()
	o, err := tables[family(p)].Run("DS-NP-FORWARD", interpreter.Packet{
		From: p.From, To: p.To, Protocol: strings.ToLower(string(p.Protocol)), Port: uint16(p.Port)})
	require.NoError(t, err)
	return o.Verdict == "RETURN", o
}

func judge(x *netpol.Index, p oracle.Packet) netpol.Verdict {
	return x.Explain(packet(p))
}

func packet(p oracle.Packet) netpol.Packet {
	return netpol.Packet{From: p.From, To: p.To, Protocol: netpolicy.Protocol(strings.ToLower(string(p.Protocol))), Port: uint16(p.Port), Node: p.Node}
}

// count is how many worlds to try; another number with NETPOL_WORLDS set.
func count(t *testing.T, otherwise int) uint64 {
	t.Helper()
	if n, err := strconv.ParseUint(os.Getenv("NETPOL_WORLDS"), 10, 32); err == nil {
		return n
	}
	return uint64(otherwise)
}

// some are every nth of the packets, others for each world.
func some(all []oracle.Packet, n, from uint64) []oracle.Packet {
	var out []oracle.Packet
	for i := from % n; i < uint64(len(all)); i += n {
		out = append(out, all[i])
	}
	return out
}

func TestGeneratedWorldsAreJudgedAsTheAPISays(t *testing.T) {
	all := packets()
	for seed := range count(t, 2000) {
		w := worlds.New(seed)
		x := netpol.New(settings())
		k := newKernel(t, x.State())
		k.apply(x.Apply(worlds.Changes(t, w.Events())...), func() {})
		for step := range uint64(3) {
			if step > 0 {
				k.apply(x.Apply(worlds.Change(t, w.Mutate())), func() {})
			}
			tables := k.tables()
			for _, p := range some(all, 23, seed*3+step) {
				want := w.Allowed(worlds.Node, p)
				got, outcome := interpret(t, tables, p)
				if got != want {
					t.Fatalf("seed %d step %d: %+v: oracle %t, rules %t by %v; %s\n%s", seed, step, p, want, got, outcome.Path, judge(x, p), k.states())
				}
				if fast := x.Allowed(packet(p)); fast != want || judge(x, p).Allowed != want {
					t.Fatalf("seed %d step %d: %+v: oracle %t, Allowed %t, %s", seed, step, p, want, fast, judge(x, p))
				}
			}
		}
	}
}

func TestWhileAChangeIsWrittenNothingPassesThatNeitherWorldAllowsNorIsRefusedWhatBothAllow(t *testing.T) {
	all := packets()
	for seed := range count(t, 250) {
		w, x, k := enforcedWorld(t, seed)
		for step := range uint64(8) {
			before := slices.Clone(w.Pods)
			world := oracle.World{Pods: before, Namespaces: slices.Clone(w.Namespaces), Policies: slices.Clone(w.Policies)}
			next := w.Relabel
			if step%4 == 0 {
				next = w.Mutate
			}
			event := next()
			sample := concerned(all, event, seed+step)
			old := verdicts(world, sample)
			now := verdicts(w.World, sample)
			k.apply(x.Apply(worlds.Change(t, event)), func() {
				tables := k.tables()
				for i, p := range sample {
					if old[i] != now[i] {
						continue
					}
					if got, outcome := interpret(t, tables, p); got != now[i] {
						t.Fatalf("seed %d step %d: %+v: %t before and after, %t between by %v", seed, step, p, now[i], got, outcome.Path)
					}
				}
			})
		}
	}
}

// enforcedWorld returns a generated world, its index, and a kernel that holds what the index wants.
func enforcedWorld(t *testing.T, seed uint64) (*worlds.World, *netpol.Index, *kernel) {
	t.Helper()
	w := worlds.New(seed)
	x := netpol.New(settings())
	x.Apply(worlds.Changes(t, w.Events())...)
	return w, x, newKernel(t, x.State())
}

// A batch of changes is enforced one by one or in parts: at each moment the verdict on a packet is that of the cluster
// before the batch, between two of its changes, or after it.
func TestWhileABatchIsWrittenNothingPassesThatNoStateOfTheClusterAllows(t *testing.T) {
	all := packets()
	merged := 0
	for seed := range count(t, 120) {
		w, x, k := enforcedWorld(t, seed)
		for step := range uint64(4) {
			sample := some(all, 11, seed+step)
			may, must := verdicts(w.World, sample), verdicts(w.World, sample)
			var batch []netpol.Change
			held := []map[netip.Addr]bool{holders(w.World)}
			for range []int{2, 3, 5, 20}[(seed+step)%4] {
				next := w.Relabel
				if (seed+step)%3 == 0 {
					next = w.Mutate
				}
				batch = append(batch, worlds.Change(t, next()))
				held = append(held, holders(w.World))
				for i, v := range verdicts(w.World, sample) {
					may[i], must[i] = may[i] || v, must[i] && v
				}
			}
			deltas := x.Steps(batch...)
			if len(deltas) < len(batch) {
				merged++
			}
			for _, delta := range deltas {
				k.apply(delta, func() {
					tables := k.tables()
					for i, p := range sample {
						if may[i] != must[i] || must[i] && (comesOrGoes(held, p.From) || comesOrGoes(held, p.To)) {
							continue // what is new opens last
						}
						if got, outcome := interpret(t, tables, p); got != must[i] {
							t.Fatalf("seed %d step %d: %+v: %t all the while, %t between by %v", seed, step, p, must[i], got, outcome.Path)
						}
					}
				})
			}
			require.Equal(t, text(x.State()), k.text(), "seed %d: the deltas lead where State says", seed)
		}
	}
	require.NotZero(t, merged, "changes share deltas")
}

// holders are the addresses that a pod has.
func holders(w oracle.World) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, p := range w.Pods {
		if pod := netpolicy.PodOf(p); pod.Judged() {
			for _, ip := range pod.IPs {
				out[ip] = true
			}
		}
	}
	return out
}

func comesOrGoes(held []map[netip.Addr]bool, ip netip.Addr) bool {
	return slices.ContainsFunc(held, func(h map[netip.Addr]bool) bool { return h[ip] != held[0][ip] })
}

// What comes together is one change: nothing passes that is refused before and after, whatever lies between.
func TestChangesThatComeTogetherAreOneChange(t *testing.T) {
	all := packets()
	for seed := range count(t, 100) {
		w, x, k := enforcedWorld(t, seed)
		for step := range uint64(4) {
			sample := some(all, 11, seed+step)
			old := verdicts(w.World, sample)
			var batch netpol.Together
			for range []int{2, 3, 5}[(seed+step)%3] {
				batch = append(batch, worlds.Change(t, w.Relabel()))
			}
			now := verdicts(w.World, sample)
			for _, delta := range x.Steps(batch) {
				k.apply(delta, func() {
					tables := k.tables()
					for i, p := range sample {
						if got, outcome := interpret(t, tables, p); old[i] == now[i] && got != now[i] {
							t.Fatalf("seed %d step %d: %+v: %t before and after, %t between by %v", seed, step, p, now[i], got, outcome.Path)
						}
					}
				})
			}
		}
	}
}

func verdicts(w oracle.World, packets []oracle.Packet) []bool {
	out := make([]bool, len(packets))
	for i, p := range packets {
		out[i] = w.Allowed(worlds.Node, p)
	}
	return out
}

// concerned are the packets that the event is likely to be about.
func concerned(all []oracle.Packet, e worlds.Event, from uint64) []oracle.Packet {
	if e.Pod == nil {
		return some(all, 13, from)
	}
	var out []oracle.Packet
	for _, p := range all {
		for _, ip := range netpolicy.PodOf(e.Pod).IPs {
			if p.From == ip || p.To == ip {
				out = append(out, p)
			}
		}
	}
	return some(out, 3, from)
}

func TestAnIndexThatFollowedHoldsWhatOneMadeFromScratchHolds(t *testing.T) {
	for seed := range count(t, 200) {
		w := worlds.New(seed)
		x := netpol.New(settings())
		k := newKernel(t, x.State())
		k.apply(x.Apply(worlds.Changes(t, w.Events())...), func() {})
		for step := range 20 {
			events := []worlds.Event{w.Mutate()}
			for range step % 3 {
				events = append(events, w.Mutate())
			}
			k.apply(x.Apply(worlds.Changes(t, events)...), func() {})
		}
		require.Equal(t, text(x.State()), k.text(), "seed %d: the deltas lead where State says", seed)
		fresh := netpol.New(settings())
		fresh.Apply(worlds.Changes(t, w.Events())...)
		require.Equal(t, anyTurn(text(fresh.State())), anyTurn(text(x.State())), "seed %d", seed)
	}
}

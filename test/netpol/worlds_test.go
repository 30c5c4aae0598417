//go:build kernel

package netpol

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/netpol/oracle"
	"data-space.liqo.io/test/netpol/worlds"
)

func backends() []xtables.Backend { return []xtables.Backend{xtables.NFT, xtables.Legacy} }

func number(protocol corev1.Protocol, v6 bool) byte {
	switch protocol {
	case corev1.ProtocolTCP:
		return unix.IPPROTO_TCP
	case corev1.ProtocolUDP:
		return unix.IPPROTO_UDP
	case corev1.ProtocolSCTP:
		return unix.IPPROTO_SCTP
	}
	if v6 {
		return unix.IPPROTO_ICMPV6
	}
	return unix.IPPROTO_ICMP
}

// packets are those that pass the node: pairs of addresses with a local pod at one end, on a few ports.
func packets() []oracle.Packet {
	var out []oracle.Packet
	slots := worlds.LocalSlots + worlds.RemoteSlots + 2
	for from := range slots {
		for to := range slots {
			if from == to || from >= worlds.LocalSlots && to >= worlds.LocalSlots {
				continue
			}
			for i, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP, "ICMP"} {
				port := []int32{80, 81, 8080, 90}[(from*3+to+i)%4]
				out = append(out,
					oracle.Packet{From: worlds.Address4(from), To: worlds.Address4(to), Protocol: protocol, Port: port},
					oracle.Packet{From: worlds.Address6(from), To: worlds.Address6(to), Protocol: protocol, Port: port})
			}
		}
	}
	return out
}

// probes are the packets with a source port that no other probe has while conntrack remembers.
func probes(packets []oracle.Packet, from uint16, want func(oracle.Packet) bool) []*probe {
	out := make([]*probe, len(packets))
	for i, p := range packets {
		out[i] = &probe{want: want(p), flow: flow{from: p.From, to: p.To, protocol: number(p.Protocol, p.To.Is6()), source: from + uint16(i), port: uint16(p.Port)}}
	}
	return out
}

func some[T any](all []T, n, from int) []T {
	var out []T
	for i := from % n; i < len(all); i += n {
		out = append(out, all[i])
	}
	return out
}

// worldCount is how many worlds to try with each backend, eight states each; another number with NETPOL_WORLDS set.
func worldCount(t *testing.T) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("NETPOL_WORLDS")); err == nil {
		return n
	}
	return 250
}

func TestGeneratedWorldsHoldOnRealPackets(t *testing.T) {
	for _, backend := range backends() {
		t.Run(string(backend), func(t *testing.T) {
			ctx := context.Background()
			n := newNode(t)
			filter := nodefilter.New(n.ns, backend)
			all := packets()
			judged, refused, states, wrong := 0, 0, 0, 0
			for seed := range worldCount(t) {
				w := worlds.New(uint64(seed))
				x := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true, LeafPods: 2, Denial: netpol.Drop, NoLog: true})
				x.Apply(worlds.Changes(t, w.Events())...)
				_, err := filter.Converge(ctx, x.State())
				require.NoError(t, err)
				for step := range 8 {
					if step > 0 {
						require.NoError(t, filter.Apply(ctx, x.Apply(worlds.Change(t, w.Mutate()))))
					}
					n.forget()
					sent := probes(some(all, 8, seed*8+step), 1000, func(p oracle.Packet) bool { return w.Allowed(worlds.Node, p) })
					n.send(sent)
					states++
					for _, p := range sent {
						judged++
						if !p.want {
							refused++
						}
						if p.got != p.want {
							wrong++
							t.Errorf("seed %d step %d: %+v: want %t, got %t; %s", seed, step, p.flow, p.want, p.got, x.Explain(explained(p.flow)))
						}
					}
					require.Less(t, wrong, 10, "enough")
				}
			}
			t.Logf("%d states, %d packets, %d of them refused", states, judged, refused)
			require.NoError(t, filter.Clear(ctx, families()...))
		})
	}
}

func explained(f flow) netpol.Packet {
	names := map[byte]netpolicy.Protocol{unix.IPPROTO_TCP: netpolicy.TCP, unix.IPPROTO_UDP: netpolicy.UDP, unix.IPPROTO_SCTP: netpolicy.SCTP}
	name, ok := names[f.protocol]
	if !ok {
		name = netpolicy.Protocol(fmt.Sprint(f.protocol))
	}
	return netpol.Packet{From: f.from, To: f.to, Protocol: name, Port: f.port}
}

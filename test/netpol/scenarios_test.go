//go:build kernel

package netpol

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/test/netpol/oracle"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

func TestTheScenariosOfKubernetesHoldOnRealPackets(t *testing.T) {
	require.Len(t, scenarios.All(), 48)
	for _, backend := range backends() {
		t.Run(string(backend), func(t *testing.T) {
			n := newNode(t)
			filter := nodefilter.New(n.ns, backend)
			for _, s := range scenarios.All() {
				for _, v6 := range []bool{false, true} {
					play(t, n, filter, s, v6)
				}
			}
			require.NoError(t, filter.Clear(context.Background(), families()...))
		})
	}
}

func play(t *testing.T, n *node, filter *nodefilter.Filter, s scenarios.Scenario, v6 bool) {
	t.Helper()
	ctx := context.Background()
	x := netpol.New(netpol.Settings{Node: worlds.Node, IPv6: true})
	x.Apply(worlds.Changes(t, scenarios.Start())...)
	_, err := filter.Converge(ctx, x.State())
	require.NoError(t, err)
	for i, step := range s.Steps {
		events, err := step.Events(v6)
		require.NoError(t, err, s.Name)
		require.NoError(t, filter.Apply(ctx, x.Apply(worlds.Changes(t, events)...)))
		tables, err := step.Truth()
		require.NoError(t, err, s.Name)
		for _, table := range tables {
			n.forget()
			var sent []*probe
			for from := range scenarios.Names() {
				for to := range scenarios.Names() {
					if from == to {
						continue
					}
					p := oracle.Packet{From: worlds.Address4(from), To: worlds.Address4(to), Protocol: table.Protocol, Port: table.Port}
					if v6 {
						p.From, p.To = worlds.Address6(from), worlds.Address6(to)
					}
					sent = append(sent, probes([]oracle.Packet{p}, uint16(2000+len(sent)), func(oracle.Packet) bool { return table.Reached(from, to) })...)
				}
			}
			n.send(sent)
			for _, p := range sent {
				require.Equal(t, p.want, p.got, "%s, step %d: %+v; %s", s.Name, i, p.flow, x.Explain(explained(p.flow)))
			}
		}
	}
}

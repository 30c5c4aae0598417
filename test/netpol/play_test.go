//go:build kernel

package netpol

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

// player enforces what scenarios.Step can say on a node of wires.
type player struct {
	t      *testing.T
	index  *netpol.Index
	filter *nodefilter.Filter
}

func newPlay(t *testing.T, n *node, backend xtables.Backend, s netpol.Settings) *player {
	t.Helper()
	s.Node, s.IPv6 = worlds.Node, true
	p := &player{t: t, index: netpol.New(s), filter: nodefilter.New(n.ns, backend)}
	p.index.Apply(worlds.Changes(t, scenarios.Start())...)
	_, err := p.filter.Converge(t.Context(), p.index.State())
	require.NoError(t, err)
	return p
}

func (p *player) do(text string) {
	p.t.Helper()
	events, err := scenarios.Step{Do: text}.Events(false)
	require.NoError(p.t, err)
	require.NoError(p.t, p.filter.Apply(p.t.Context(), p.index.Apply(worlds.Changes(p.t, events)...)))
}

// arrived waits for a packet of the flow.
func (n *node) arrived(f flow, wait time.Duration) bool {
	n.t.Helper()
	buffer := make([]byte, 2048)
	w := n.wireOf(f.to)
	for deadline := time.Now().Add(wait); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		for packet := w.receive(buffer); packet != nil; packet = w.receive(buffer) {
			if got, ok := parse(packet); ok && got == f {
				return true
			}
		}
	}
	return false
}

// podRanges are where the pods of Node have their addresses.
func podRanges() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("203.0.113.0/27"), netip.MustParsePrefix("2001:db8:1::/123")}
}

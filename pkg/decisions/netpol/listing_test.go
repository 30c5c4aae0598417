package netpol_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/test/netpol/worlds"
)

// list is the world as three complete lists. When cut, each of them ends early and begins again.
func list(t *testing.T, events []worlds.Event, cut bool) []netpol.Change {
	t.Helper()
	byKind := map[netpol.Kind][]netpol.Change{}
	for _, c := range worlds.Changes(t, events) {
		kind := netpol.Pods
		switch c.(type) {
		case netpol.NamespaceSeen:
			kind = netpol.Namespaces
		case netpol.PolicySeen:
			kind = netpol.Policies
		}
		byKind[kind] = append(byKind[kind], netpol.Listed{Change: c})
	}
	var out []netpol.Change
	for _, kind := range []netpol.Kind{netpol.Namespaces, netpol.Policies, netpol.Pods} {
		all := byKind[kind]
		if cut {
			out = append(append(out, netpol.ListBegins{Kind: kind}), all[:len(all)/2]...)
		}
		out = append(append(out, netpol.ListBegins{Kind: kind}), all...)
		out = append(out, netpol.ListEnds{Kind: kind})
	}
	return out
}

func TestAListLeadsWhereItsChangesDo(t *testing.T) {
	for seed := range count(t, 80) {
		w := worlds.New(seed)
		x := netpol.New(settings())
		x.Apply(list(t, w.Events(), seed%2 == 0)...)
		k := newKernel(t, x.State())
		for range 3 {
			for range 6 {
				w.Mutate()
			}
			events := w.Events()
			for _, c := range list(t, events, seed%3 == 0) {
				for _, d := range x.Steps(c) {
					k.apply(d, func() {})
					require.IsType(t, netpol.ListEnds{}, c, "seed %d: nothing is written in the middle of a list", seed)
				}
			}
			require.Equal(t, text(x.State()), k.text(), "seed %d", seed)
			fresh := netpol.New(settings())
			fresh.Apply(worlds.Changes(t, events)...)
			require.Equal(t, anyTurn(text(fresh.State())), anyTurn(text(x.State())), "seed %d", seed)
			require.Empty(t, x.Steps(list(t, events, false)...), "seed %d: a list that holds nothing new writes nothing", seed)
		}
	}
}

func TestWhatChangesDuringAListCounts(t *testing.T) {
	w := worlds.New(3)
	x := netpol.New(settings())
	x.Apply(list(t, w.Events(), false)...)
	before := x.Summary().Pods
	var pods []netpol.Change
	for _, c := range worlds.Changes(t, w.Events()) {
		if seen, ok := c.(netpol.PodSeen); ok && seen.Pod.Judged() && len(seen.Pod.IPs) > 0 {
			pods = append(pods, c)
		}
	}
	first := pods[0].(netpol.PodSeen)
	x.Apply(netpol.ListBegins{Kind: netpol.Pods})
	for _, p := range pods {
		x.Apply(netpol.Listed{Change: p})
	}
	x.Apply(netpol.Listed{Change: netpol.PodGone{Key: first.Pod.Key}}, netpol.Listed{Change: first}, netpol.Listed{Change: netpol.PodGone{Key: first.Pod.Key}})
	require.Equal(t, before, x.Summary().Pods, "a list is applied when it is complete")
	x.Apply(netpol.ListEnds{Kind: netpol.Pods})
	require.Less(t, x.Summary().Pods, before)
}

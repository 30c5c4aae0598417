package scenarios_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"data-space.liqo.io/test/netpol/oracle"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

// take makes the world what the event says.
func take(w *oracle.World, e worlds.Event) {
	switch {
	case e.Pod != nil:
		w.Pods = append(slices.DeleteFunc(w.Pods, func(p *corev1.Pod) bool { return p.Namespace == e.Pod.Namespace && p.Name == e.Pod.Name }), e.Pod)
	case e.Namespace != nil:
		w.Namespaces = append(slices.DeleteFunc(w.Namespaces, func(n *corev1.Namespace) bool { return n.Name == e.Namespace.Name }), e.Namespace)
	default:
		w.Policies = slices.DeleteFunc(w.Policies, func(p *networkingv1.NetworkPolicy) bool {
			return p.Namespace == e.Policy.Namespace && p.Name == e.Policy.Name
		})
		if !e.Gone {
			w.Policies = append(w.Policies, e.Policy)
		}
	}
}

func TestTheOracleKnowsTheTruthTablesOfKubernetes(t *testing.T) {
	require.Len(t, scenarios.All(), 48)
	for _, s := range scenarios.All() {
		for _, v6 := range []bool{false, true} {
			var w oracle.World
			for _, e := range scenarios.Start() {
				take(&w, e)
			}
			for i, step := range s.Steps {
				events, err := step.Events(v6)
				require.NoError(t, err, s.Name)
				for _, e := range events {
					take(&w, e)
				}
				tables, err := step.Truth()
				require.NoError(t, err, s.Name)
				require.NotEmpty(t, tables, s.Name)
				for _, table := range tables {
					compare(t, s.Name, i, w, table, v6)
				}
			}
		}
	}
}

func compare(t *testing.T, name string, step int, w oracle.World, table scenarios.Table, v6 bool) {
	t.Helper()
	for from, a := range scenarios.Names() {
		for to, b := range scenarios.Names() {
			p := oracle.Packet{From: worlds.Address4(from), To: worlds.Address4(to), Protocol: table.Protocol, Port: table.Port}
			if v6 {
				p.From, p.To = worlds.Address6(from), worlds.Address6(to)
			}
			if from != to {
				require.Equal(t, table.Reached(from, to), w.Allowed(worlds.Node, p), "%s, step %d: %s to %s", name, step, a, b)
			}
		}
	}
}

package worlds

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Change returns the event as the index of policies takes it.
func Change(tb testing.TB, e Event) netpol.Change {
	tb.Helper()
	switch {
	case e.Pod != nil && e.Gone:
		return netpol.PodGone{Key: netpolicy.Key{Namespace: e.Pod.Namespace, Name: e.Pod.Name}}
	case e.Pod != nil:
		return netpol.PodSeen{Pod: netpolicy.PodOf(e.Pod)}
	case e.Namespace != nil && e.Gone:
		return netpol.NamespaceGone{Name: e.Namespace.Name}
	case e.Namespace != nil:
		return netpol.NamespaceSeen{Namespace: netpolicy.Namespace{Name: e.Namespace.Name, Labels: e.Namespace.Labels}}
	case e.Gone:
		return netpol.PolicyGone{Key: netpolicy.Key{Namespace: e.Policy.Namespace, Name: e.Policy.Name}}
	}
	p, problems := netpolicy.PolicyOf(e.Policy)
	require.Empty(tb, problems)
	return netpol.PolicySeen{Policy: p}
}

// Changes returns each event as Change does.
func Changes(tb testing.TB, events []Event) []netpol.Change {
	tb.Helper()
	out := make([]netpol.Change, len(events))
	for i, e := range events {
		out[i] = Change(tb, e)
	}
	return out
}

package netpol_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/netpol/worlds"
)

// audited turns the policies whose place the test chooses into ones in mode Audit.
func audited(changes []netpol.Change, chosen func(i int) bool) []netpol.Change {
	place := 0
	for i, c := range changes {
		if seen, ok := c.(netpol.PolicySeen); ok {
			if place++; chosen(place) {
				would := seen.Policy.Target
				seen.Policy.Audited, seen.Policy.Target = &would, netpolicy.Selector{}
				changes[i] = seen
			}
		}
	}
	return changes
}

// What policies in mode Audit would refuse is what the API says of all policies in force, where those in force allow it.
func TestWhatAuditWouldRefuseIsWhatIsRefusedInForce(t *testing.T) {
	all, refused := packets(), 0
	for seed := range count(t, 500) {
		w := worlds.New(seed)
		x := netpol.New(settings())
		x.Apply(audited(worlds.Changes(t, w.Events()), func(i int) bool { return uint64(i)%3 != seed%3 })...)
		for _, p := range some(all, 23, seed) {
			v := judge(x, p)
			if !v.Allowed {
				require.Empty(t, v.Audit)
				continue
			}
			want := w.Allowed(worlds.Node, p)
			if (len(v.Audit) == 0) != want {
				t.Fatalf("seed %d: %+v: with all in force allowed: %t; %s", seed, p, want, v)
			}
			if !want {
				refused++
			}
		}
	}
	require.Greater(t, refused, 500, "the worlds are no test otherwise")
}

func TestAuditEndsWithItsPolicies(t *testing.T) {
	w := worlds.New(1)
	x := netpol.New(settings())
	require.False(t, x.Audits())
	changes := audited(worlds.Changes(t, w.Events()), func(int) bool { return true })
	x.Apply(changes...)
	require.True(t, x.Audits())
	for _, c := range changes {
		if seen, ok := c.(netpol.PolicySeen); ok {
			x.Apply(c, netpol.PolicyGone{Key: seen.Policy.Key})
		}
	}
	require.False(t, x.Audits())
}

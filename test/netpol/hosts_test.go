//go:build kernel

package netpol

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"

	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/decisions/guestnet"
	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

// A host outside has one address, moves to another, and its DNS returns an address of the node as well.
func TestAHostThatAGuestPolicyNamesIsReachedByItsGuestOnly(t *testing.T) {
	moved := []netip.Addr{netip.MustParseAddr("198.51.100.3"), netip.MustParseAddr("2001:db8:2::3")}
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.in(c.outside, func() error { return up("eth0", moved...) })
		c.in(c.node, func() error { return routes("outside", moved) })
		c.serve(c.outside)
		c.serve(c.node)
		pharma, rival := c.pods["x/a"], c.pods["y/a"]
		old, now, node := c.of(remoteNodes), c.of(moved), c.of(gateways)
		for _, to := range []netip.Addr{old, now, node} {
			require.True(t, c.reaches(pharma, to, 80), "without policies, %s", to)
			require.True(t, c.reaches(rival, to, 80), "without policies, %s", to)
		}

		c.guests()
		c.named(old, node)
		require.True(t, c.reaches(pharma, old, 80))
		for _, to := range []netip.Addr{now, node} {
			require.False(t, c.reachesBriefly(pharma, to, 80), "%s", to)
		}
		for _, to := range []netip.Addr{old, now, node} {
			require.False(t, c.reachesBriefly(rival, to, 80), "another guest, %s", to)
		}

		open, err := dial(pharma, old, 80, patient)
		require.NoError(t, err)
		defer open.Close()
		c.named(now, old)
		require.True(t, c.reaches(pharma, now, 80), "the new address")
		require.True(t, c.reaches(pharma, old, 80), "the old one, while it is kept")
		stays, err := dial(pharma, now, 80, patient)
		require.NoError(t, err)
		defer stays.Close()
		c.named(now)
		require.False(t, c.reachesBriefly(pharma, old, 80))
		require.NoError(t, echoes(open, patient), "known connections pass until they are cut")
		require.Positive(t, c.cut())
		require.Error(t, echoes(open, brief))
		require.NoError(t, echoes(stays, patient))

		c.named()
		require.False(t, c.reachesBriefly(pharma, now, 80), "a name without addresses opens nothing")
	})
}

// guests makes x and y namespaces of two guests, with the policies that the controller writes for every guest.
func (c *cluster) guests() {
	c.t.Helper()
	var events []worlds.Event
	for ns, guest := range map[string]string{"x": "pharma", "y": "rival"} {
		events = append(events, scenarios.Namespace(ns, map[string]string{apis.LabelRemoteCluster: guest}),
			worlds.Event{Policy: guard.NetworkPolicy(guard.Namespace{Name: ns}, guest, guard.DNS{Namespace: "kube-system"})})
	}
	c.happens(events...)
}

// named enforces what the policy of the guest pharma opens when the name in it has these addresses.
func (c *cluster) named(addresses ...netip.Addr) {
	c.t.Helper()
	section := &v1alpha1.Network{Egress: []v1alpha1.EgressRule{{Names: []v1alpha1.HostName{"api.example.org"}}}}
	around := guestnet.Cluster{Guest: "pharma", Names: func(string) guestnet.Resolution { return guestnet.Resolution{Open: addresses} }}
	for _, a := range gateways {
		around.Addresses = append(around.Addresses, netip.PrefixFrom(a, a.BitLen()))
	}
	opened := guestnet.Rules(section, around)
	policy := guard.GuestNetworkPolicy(guard.Namespace{Name: "x"}, opened.Ingress, opened.Egress)
	if policy == nil {
		policy = &networkingv1.NetworkPolicy{}
		policy.Namespace, policy.Name = "x", apis.GuestNetworkPolicyName
		c.happens(worlds.Event{Policy: policy, Gone: true})
		return
	}
	c.happens(worlds.Event{Policy: policy})
}

// happens has events enforced.
func (c *cluster) happens(events ...worlds.Event) {
	c.t.Helper()
	require.NoError(c.t, c.filter.Apply(c.t.Context(), c.index.Apply(worlds.Changes(c.t, events)...)))
}

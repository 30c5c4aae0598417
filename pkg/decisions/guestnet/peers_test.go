package guestnet

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func peered(guest string) Cluster {
	c := hospital()
	c.Guest = guest
	c.Peers = []Peer{
		{Guest: "pharma", Pods: parsed("10.71.0.0/16"), External: parsed("10.81.0.0/16")},
		{Guest: "rival", Pods: parsed("10.72.0.0/16"), External: parsed("10.82.0.0/16")},
	}
	return c
}

func TestNetworksOfPeersAreClosedButTheGuestsOwnWhereItIsNamed(t *testing.T) {
	for cidr, want := range map[string]map[string]bool{
		"10.0.0.0/8":    {"10.71.0.1": false, "10.72.0.1": false, "10.81.0.1": false, "10.82.0.1": false, "10.9.0.1": true},
		"10.71.0.0/16":  {"10.71.0.1": true},
		"10.71.8.0/24":  {"10.71.8.1": true, "10.71.0.1": false},
		"10.72.0.0/16":  {"10.72.0.1": false},
		"10.81.0.0/24":  {"10.81.0.1": false},
		"10.82.0.1/32":  {"10.82.0.1": false},
		"203.0.0.0/8":   {"203.9.0.1": true},
		"10.70.0.0/15":  {"10.70.0.1": true, "10.71.0.1": false},
		"10.80.0.0/14":  {"10.80.0.1": true, "10.83.0.1": true, "10.81.0.1": false, "10.82.0.1": false},
		"10.81.0.64/26": {"10.81.0.65": false},
	} {
		for address, open := range want {
			require.Equal(t, open, reaches(t, Rules(out(cidr), peered("pharma")), address), "%s by %s", address, cidr)
			require.Equal(t, netip.MustParsePrefix(cidr).Contains(netip.MustParseAddr(address)), reaches(t, asWritten(out(cidr)), address), "%s by %s as it is written", address, cidr)
		}
	}
	require.False(t, reaches(t, Rules(out("10.71.0.0/16"), peered("")), "10.71.0.1"), "what holds for all guests names no guest's own")
}

func TestHomeAPIOpensTheGuestsOwnExternalNetworkAndNoOther(t *testing.T) {
	allowed := &v1alpha1.Network{HomeAPI: v1alpha1.Allowed}
	opened := Rules(allowed, peered("pharma"))
	require.Empty(t, opened.Closed)
	require.Len(t, opened.Egress, 1)
	require.EqualValues(t, "TCP", *opened.Egress[0].Ports[0].Protocol)
	for address, open := range map[string]bool{"10.81.0.1": true, "10.82.0.1": false, "10.71.0.1": false, "10.1.0.5": false} {
		require.Equal(t, open, reaches(t, opened, address), address)
	}
	require.True(t, Rules(&v1alpha1.Network{HomeAPI: v1alpha1.Denied}, peered("pharma")).Empty())
	require.True(t, Rules(&v1alpha1.Network{}, peered("pharma")).Empty())
	require.True(t, Rules(allowed, peered("")).Empty())
	require.Contains(t, Rules(allowed, peered("other")).Closed[0], "spec.network.homeAPI: no external network of this guest is known")

	c := peered("pharma")
	c.Peers[0].External = parsed("0.0.0.0/0", "169.254.169.254/32", "10.82.0.0/24", "10.1.0.0/24")
	opened = Rules(allowed, c)
	for address, open := range map[string]bool{"10.9.9.9": false, "169.254.169.254": false, "10.82.0.1": false, "10.1.0.5": false, "10.1.0.9": true} {
		require.Equal(t, open, reaches(t, opened, address), "a Configuration opens nothing that a policy could not: %s", address)
	}
}

func TestAConfigurationIsReadInEachForm(t *testing.T) {
	configuration := func(pod, external any) map[string]any {
		return map[string]any{
			"metadata": map[string]any{"labels": map[string]any{"liqo.io/remote-cluster-id": "pharma"}},
			"status":   map[string]any{"remote": map[string]any{"cidr": map[string]any{"pod": pod, "external": external}}},
		}
	}
	want := Peer{Guest: "pharma", Pods: parsed("10.71.0.0/16"), External: parsed("10.81.0.0/16")}
	require.Equal(t, want, PeerIn(configuration("10.71.0.0/16", "10.81.0.0/16")))
	require.Equal(t, want, PeerIn(configuration([]any{"10.71.0.0/16", 3, "x"}, []any{"10.81.0.0/16"})))
	for _, object := range []map[string]any{nil, {}, {"metadata": "x", "status": map[string]any{"remote": []any{}}}} {
		require.Equal(t, Peer{}, PeerIn(object))
	}
}

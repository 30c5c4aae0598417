package guestnet

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// The owner of a name chooses its addresses: none of those that no GuestPolicy opens is opened or answered.
func TestTheOwnerOfANameOpensNothingThatNoGuestPolicyOpens(t *testing.T) {
	hostile := []string{
		"127.0.0.1", "::1", "169.254.169.254", "fd00:ec2::254", "10.1.0.5", "10.36.0.9", "192.168.1.1", "100.64.0.1", "fc00::1", "224.0.0.1", "255.255.255.255", "0.0.0.0",
		"::ffff:10.1.0.5", "64:ff9b::a01:5", "2002:a01:5::", "198.51.100.7", "203.0.113.77", "fe80::1", "10.41.0.1", "168.63.129.16",
	}
	c := Cluster{
		Addresses: parsed("198.51.100.7/32", "10.36.0.9/32"), Guest: "pharma", Domain: "cluster.local",
		Peers: []Peer{{Guest: "pharma", External: parsed("203.0.113.64/26")}, {Guest: "rival", Pods: parsed("10.41.0.0/16")}},
		Names: func(string) Resolution {
			r := Resolution{Open: []netip.Addr{netip.MustParseAddr("203.0.113.5")}}
			for _, h := range hostile {
				r.Open = append(r.Open, netip.MustParseAddr(h))
			}
			r.Answered = r.Open
			return r
		},
	}
	section := &v1alpha1.Network{Egress: []v1alpha1.EgressRule{{Names: []v1alpha1.HostName{"api.example.org"}}}}
	opened := Rules(section, c)
	require.Len(t, opened.Egress, 1)
	require.Len(t, opened.Egress[0].To, 1)
	require.Equal(t, "203.0.113.5/32", opened.Egress[0].To[0].IPBlock.CIDR)
	require.Equal(t, map[string][]netip.Addr{"api.example.org": {netip.MustParseAddr("203.0.113.5")}}, opened.Named)
	require.Len(t, opened.Unnamed, len(hostile))
	require.Empty(t, opened.Closed)

	section.Egress = append(section.Egress, v1alpha1.EgressRule{To: []v1alpha1.Peer{{IPBlock: &v1alpha1.IPBlock{CIDR: "192.168.0.0/16", Except: []v1alpha1.CIDR{"192.168.2.0/24"}}}}})
	opened = Rules(section, c)
	require.Len(t, opened.Named["api.example.org"], 2, "a private address that an ipBlock opens is answered")
	require.Len(t, opened.Unnamed, len(hostile)-1)
}

func TestANameThatCannotBeOpenedIsReported(t *testing.T) {
	names := []v1alpha1.HostName{"db.data.svc.cluster.local"}
	for i := range maxNames {
		names = append(names, v1alpha1.HostName(fmt.Sprintf("host-%d.example.org", i)))
	}
	section := &v1alpha1.Network{Egress: []v1alpha1.EgressRule{{Names: names}}}
	opened := Rules(section, Cluster{Domain: "cluster.local", Names: func(string) Resolution {
		return Resolution{Problem: "not looked up yet"}
	}})
	require.Empty(t, opened.Egress, "a rule without an address opens nothing, and not everything")
	require.Len(t, opened.Named, maxNames-1)
	require.Len(t, opened.Unnamed, maxNames+1)
	require.Contains(t, opened.Unnamed[0], "spec.network.egress[0].names[0]: db.data.svc.cluster.local: opens nothing: it is a name of the cluster")
	require.Contains(t, strings.Join(opened.Unnamed, "\n"), "at most 32 names")
	require.Len(t, NamesOf(section), maxNames)
	require.Empty(t, Rules(section, Cluster{}).Egress)
}

package plan

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryAddressIsFromADocumentationRange(t *testing.T) {
	documentation := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"),
	}
	lab := TwoNodes(DefaultName)
	prefixes := []netip.Prefix{lab.PodsV4, lab.PodsV6, lab.ServicesV4, lab.ServicesV6}
	for _, m := range lab.Machines() {
		prefixes = append(prefixes, m.IPv4, m.IPv6)
	}
	for _, p := range prefixes {
		covered := false
		for _, d := range documentation {
			covered = covered || d.Contains(p.Addr()) && d.Bits() <= p.Bits()
		}
		require.True(t, covered, "%s is not for documentation", p)
	}
}

func TestNoTwoRangesOverlap(t *testing.T) {
	lab := TwoNodes(DefaultName)
	ranges := []netip.Prefix{lab.Control.IPv4.Masked(), lab.Control.IPv6.Masked(), lab.ServicesV4, lab.ServicesV6}
	for _, n := range lab.Nodes {
		require.True(t, lab.PodsV4.Overlaps(n.PodsV4), "pods of %s lie outside of the cluster's", n.Name)
		require.True(t, lab.PodsV6.Overlaps(n.PodsV6), "pods of %s lie outside of the cluster's", n.Name)
		ranges = append(ranges, n.PodsV4, n.PodsV6)
	}
	for i, a := range ranges {
		for _, b := range ranges[i+1:] {
			require.False(t, a.Overlaps(b), "%s and %s", a, b)
		}
	}
}

func TestAMachineHasARouteToWhatItIsNotConnectedTo(t *testing.T) {
	lab := TwoNodes(DefaultName)
	t.Run("the control plane reaches the pods of both nodes through the nodes", func(t *testing.T) {
		routes := lab.Routes(lab.Control)
		require.Contains(t, routes, Route{lab.Nodes[0].PodsV4, lab.Nodes[0].IPv4.Addr()})
		require.Contains(t, routes, Route{lab.Nodes[1].PodsV6, lab.Nodes[1].IPv6.Addr()})
	})
	t.Run("a node has no route to its own pods, since CNI makes one for each", func(t *testing.T) {
		for _, r := range lab.Routes(lab.Nodes[0]) {
			require.NotEqual(t, lab.Nodes[0].PodsV4, r.To)
			require.NotEqual(t, lab.Nodes[0].PodsV6, r.To)
		}
	})
	t.Run("nobody has a default route", func(t *testing.T) {
		for _, m := range lab.Machines() {
			for _, r := range lab.Routes(m) {
				require.NotZero(t, r.To.Bits())
			}
		}
	})
}

func TestTheClusterDNSIsAmongTheServices(t *testing.T) {
	lab := TwoNodes(DefaultName)
	require.True(t, lab.ServicesV4.Contains(lab.DNSv4))
	require.True(t, lab.ServicesV6.Contains(lab.DNSv6))
	require.Equal(t, "192.0.2.1", FirstService(lab.ServicesV4).String())
	require.Equal(t, "2001:db8:ffff::1", FirstService(lab.ServicesV6).String())
}

func TestLabsOfDifferentNamesShareNoMachineAndNoDirectoryButTheCache(t *testing.T) {
	t.Setenv("DATA_SPACER_CACHE", "/cache")
	a, err := NewDirs(DefaultName)
	require.NoError(t, err)
	b, err := NewDirs("two")
	require.NoError(t, err)
	require.Equal(t, a.Cache, b.Cache)
	require.NotEqual(t, a.State, b.State)
	require.NotEqual(t, a.Run, b.Run)
	for _, name := range TwoNodes(DefaultName).Names() {
		require.NotContains(t, TwoNodes("two").Names(), name)
	}
}

func TestANameThatCannotBePartOfAPathOrHostNameIsRefused(t *testing.T) {
	for _, name := range []string{"", "../x", "UPPER", "1st", "a-b", "morethaneight"} {
		_, err := NewDirs(name)
		require.ErrorContains(t, err, "cannot be a lab's name", "%q", name)
	}
}

func TestSocketPathsFitIntoASocketAddress(t *testing.T) {
	dirs, err := NewDirs("longname")
	require.NoError(t, err)
	for _, n := range TwoNodes("longname").Nodes {
		require.Less(t, len(dirs.ContainerdSocket(n.Name)), 108)
	}
}

func TestTheNodesCoverBothModesOfKubeProxy(t *testing.T) {
	nodes := TwoNodes(DefaultName).Nodes
	require.Equal(t, []string{IPTables, NFTables}, []string{nodes[0].ServiceMode, nodes[1].ServiceMode})
}

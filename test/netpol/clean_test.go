//go:build kernel

package netpol

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/reconcilers/noderules"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

// everything is what both backends and ipset hold.
func (c *cluster) everything() string {
	c.t.Helper()
	out := c.run("ipset", "save")
	for _, backend := range backends() {
		for _, name := range []string{"iptables-", "ip6tables-"} {
			out += c.run(name+string(backend)+"-save", "-t", "filter")
		}
	}
	return out
}

// other is the same node as a filter of the other backend sees it.
func (c *cluster) other() *nodefilter.Filter {
	if c.backend == xtables.NFT {
		return nodefilter.New(c.node, xtables.Legacy)
	}
	return nodefilter.New(c.node, xtables.NFT)
}

func TestCleanTakesAwayWhatEitherBackendHoldsAndNothingElse(t *testing.T) {
	eachAlone(t, func(t *testing.T, c *cluster) {
		t.Helper()
		c.furnish()
		c.do(somePolicies)
		before := c.others()
		_, err := c.other().Converge(t.Context(), c.index.State())
		require.NoError(t, err)
		removed, err := nodefilter.Clean(t.Context(), c.node, "", families()...)
		require.NoError(t, err)
		require.Greater(t, removed.Chains, 40)
		require.Greater(t, removed.Sets, 6)
		for line := range strings.Lines(before) {
			require.Contains(t, c.others(), line) // beside nft's warning that there are legacy tables
		}
		require.NotContains(t, c.everything(), netpol.ChainPrefix)
		require.NotContains(t, c.everything(), netpol.SetPrefix)
		removed, err = nodefilter.Clean(t.Context(), c.node, "", families()...)
		require.NoError(t, err)
		require.Zero(t, removed)
	})
}

func TestALookAtACleanNodeMakesNoTable(t *testing.T) {
	c := &cluster{t: t, node: scratch(t)}
	_, err := nodefilter.Clean(t.Context(), c.node, "", families()...)
	require.NoError(t, err)
	require.Empty(t, c.run("cat", "/proc/thread-self/net/ip_tables_names"))
	require.Empty(t, c.run("cat", "/proc/thread-self/net/ip6_tables_names"))
	require.Empty(t, c.run("nft", "list", "tables"))
}

func TestWhatAnAgentWithTheOtherBackendLeftIsSwept(t *testing.T) {
	eachAlone(t, func(t *testing.T, c *cluster) {
		t.Helper()
		require.NoError(t, c.filter.Clear(t.Context(), families()...))
		c.index.Apply(c.changes(somePolicies)...) // the kernel gets it from the other backend
		_, err := c.other().Converge(t.Context(), c.index.State())
		require.NoError(t, err)

		e := noderules.New(nodefilter.New(c.node, c.backend), netpol.Settings{Node: worlds.Node, IPv6: true})
		require.NoError(t, e.Apply(t.Context(), worlds.Changes(t, scenarios.Start())...))
		_, err = e.Converge(t.Context())
		require.NoError(t, err)
		require.Contains(t, c.table("-S"), netpol.ChainPrefix)
		for _, v6 := range []bool{false, true} {
			left := &cluster{t: t, node: c.node, backend: xtables.NFT, v6: v6}
			if c.backend == xtables.NFT {
				left.backend = xtables.Legacy
			}
			require.NotContains(t, left.table("-S"), netpol.ChainPrefix)
		}
		require.NotContains(t, c.run("ipset", "save"), netpol.SetPrefix+"p", "sets of policies that are not there")
		findings, err := e.Converge(t.Context())
		require.NoError(t, err)
		require.Empty(t, findings)
	})
}

func TestARetiredEnforcerWritesNothing(t *testing.T) {
	eachAlone(t, func(t *testing.T, c *cluster) {
		t.Helper()
		e := startEnforcer(t, c)
		e.Retire()
		require.NoError(t, c.filter.Clear(t.Context(), families()...))
		require.NoError(t, e.Apply(t.Context(), c.changes(somePolicies)...))
		_, err := e.Converge(t.Context())
		require.ErrorIs(t, err, noderules.ErrRetired)
		require.NotContains(t, c.run(c.program("-save")), netpol.ChainPrefix)
	})
}

func TestRefusedPacketsAreCountedByReasonAndConnectionsCutOnceTheyMayBeForbidden(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		ctx := t.Context()
		e := startEnforcer(t, c)
		_, err := e.Cut()
		require.NoError(t, err)
		c.serve(c.pods["x/a"])
		conn, err := dial(c.pods["x/b"], c.address("x/a"), 80, patient)
		require.NoError(t, err)
		defer conn.Close()
		n, err := e.Cut()
		require.NoError(t, err)
		require.Zero(t, n)

		require.NoError(t, e.Apply(ctx, c.changes(denyIngress)...))
		n, err = e.Cut()
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.False(t, c.reachesBriefly(c.pods["x/b"], c.address("x/a"), 80))
		require.Error(t, echoes(conn, brief))
		_, err = e.Converge(ctx)
		require.NoError(t, err)
		counts := map[netpol.Reason]uint64{}
		for _, r := range e.Refused() {
			if r.Family == c.family() {
				counts[r.Reason] = r.Packets
			}
		}
		require.Positive(t, counts[netpol.NoIngress])
		require.Positive(t, counts[netpol.Midway])
		require.Zero(t, counts[netpol.NoEgress])

		here, err := e.Holds(nodeAddresses)
		require.NoError(t, err)
		require.True(t, here)
		here, err = e.Holds(remoteNodes)
		require.NoError(t, err)
		require.False(t, here)
		v, err := e.Explain(netpol.Packet{From: c.of(nodeAddresses), To: c.address("x/a"), Protocol: "tcp", Port: 80})
		require.NoError(t, err)
		require.True(t, v.Allowed)
		require.Contains(t, v.String(), "x/a is always reached by its own node")
	})
}

func TestTheKernelIsAskedForEveryKindOfRule(t *testing.T) {
	for _, backend := range backends() {
		t.Run(string(backend), func(t *testing.T) {
			require.NoError(t, nodefilter.Check(t.Context(), backend, netpol.Settings{Node: worlds.Node, IPv6: true}))
			err := nodefilter.Check(t.Context(), "none", netpol.Settings{Node: worlds.Node})
			require.ErrorContains(t, err, "iptables-none")
		})
	}
}

//go:build kernel

package netpol

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/reconcilers/noderules"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

func TestTheEnforcerWritesNothingBeforeItKnowsTheClusterAndHealsWhatItCouldNotWrite(t *testing.T) {
	eachAlone(t, func(t *testing.T, c *cluster) {
		t.Helper()
		ctx := t.Context()
		require.NoError(t, c.filter.Clear(ctx, families()...))
		bare := c.run(c.program("-save"), "-t", "filter")
		e := noderules.New(nodefilter.New(c.node, c.backend), netpol.Settings{Node: worlds.Node, IPv6: true})
		require.NoError(t, e.Apply(ctx, worlds.Changes(t, scenarios.Start())...))
		require.NoError(t, e.Apply(ctx, c.changes(somePolicies)...))
		require.Equal(t, ourRules(bare), ourRules(c.run(c.program("-save"), "-t", "filter")))

		findings, err := e.Converge(ctx)
		require.NoError(t, err)
		require.NotEmpty(t, findings)
		ended, cancel := context.WithCancel(ctx)
		cancel()
		require.Error(t, e.Apply(ended, c.changes("x/web gone")...))
		require.NoError(t, e.Apply(ctx, c.changes("pod x/a pod=a")...), "the next change heals")
		findings, err = e.Converge(ctx)
		require.NoError(t, err)
		require.Empty(t, findings)
		require.NotContains(t, c.table("-S"), "x/web")
	})
}

// startEnforcer returns an enforcer whose rules hold the first policies of the scenarios.
func startEnforcer(t *testing.T, c *cluster) *noderules.Reconciler {
	t.Helper()
	e := noderules.New(c.filter, netpol.Settings{Node: worlds.Node, IPv6: true})
	require.NoError(t, e.Apply(t.Context(), worlds.Changes(t, scenarios.Start())...))
	_, err := e.Converge(t.Context())
	require.NoError(t, err)
	return e
}

func TestTheEnforcerMayBeAskedWhileItWrites(t *testing.T) {
	eachAlone(t, func(t *testing.T, c *cluster) {
		t.Helper()
		ctx := t.Context()
		e := startEnforcer(t, c)
		var asking sync.WaitGroup
		done := make(chan struct{})
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					_, err := e.Explain(netpol.Packet{From: worlds.Address4(0), To: worlds.Address4(1), Protocol: netpolicy.TCP, Port: 80})
					require.NoError(t, err)
					_, err = e.Cut()
					require.NoError(t, err)
				}
			}
		})
		for _, text := range []string{somePolicies, "pod x/b pod=c", "x/web gone", "namespace y team=red", "y/db gone"} {
			require.NoError(t, e.Apply(ctx, c.changes(text)...))
		}
		close(done)
		asking.Wait()
		findings, err := e.Converge(ctx)
		require.NoError(t, err)
		require.Empty(t, findings)
	})
}

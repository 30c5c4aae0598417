//go:build kernel

package netpol

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// A policy in mode Audit lets a connection pass, and the kernel's table of connections shows what it would have refused; in force it refuses the same.
func TestWhatAPolicyInModeAuditWouldRefuseIsSeenInTheKernel(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		ctx := t.Context()
		e := startEnforcer(t, c)
		found, err := e.Audit()
		require.NoError(t, err)
		require.Nil(t, found, "without such a policy nothing is read")

		changes := c.changes(denyIngress)
		policy, ok := changes[0].(netpol.PolicySeen)
		require.True(t, ok)
		would := policy.Policy.Target
		policy.Policy.Audited, policy.Policy.Target = &would, netpolicy.Selector{}
		require.NoError(t, e.Apply(ctx, policy))
		c.serve(c.pods["x/a"])
		conn, err := dial(c.pods["x/b"], c.address("x/a"), 80, patient)
		require.NoError(t, err, "the policy only reports")
		defer conn.Close()
		found, err = e.Audit()
		require.NoError(t, err)
		seen := 0
		for connection, refuses := range found {
			if connection.Port == 80 && connection.To == c.address("x/a") && connection.FromPort != 0 {
				require.Equal(t, "ingress", refuses[0].Direction)
				require.Equal(t, netpolicy.Key{Namespace: "x", Name: "a"}, refuses[0].Pod)
				seen++
			}
		}
		require.Positive(t, seen)

		require.NoError(t, e.Apply(ctx, c.changes(denyIngress)...))
		require.False(t, c.reachesBriefly(c.pods["x/b"], c.address("x/a"), 80), "in force it refuses it")
		found, err = e.Audit()
		require.NoError(t, err)
		require.Empty(t, found)
	})
}

//go:build kernel

package dataplane_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

// TestUnchangedIsWhatTheKernelHolds: without it a round would pass over what others have changed.
func TestUnchangedIsWhatTheKernelHolds(t *testing.T) {
	ctx := context.Background()
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		pod, desired, plane := kit.NewPod(t), bound(t), dataplane.New(b)
		written, err := plane.Enforce(ctx, pod.NS, desired)
		require.NoError(t, err)
		unchanged := func(ns *netns.Namespace, since dataplane.State) bool {
			_, same := plane.Unchanged(ns, since)
			return same
		}
		require.False(t, unchanged(pod.NS, written), "what was written has not been read and found as desired")
		found, err := plane.Enforce(ctx, pod.NS, desired)
		require.NoError(t, err)
		before, same := plane.Unchanged(pod.NS, found)
		require.True(t, same)

		app := kit.NewActor(t, kit.Identity{NS: pod.NS, UID: 1000, GID: 1000})
		for _, to := range []netip.Addr{kit.NodeV4(), kit.NodeV6()} {
			require.Error(t, app.Ping(to))
		}
		now, same := plane.Unchanged(pod.NS, found)
		require.True(t, same, "counters are no change")
		require.GreaterOrEqual(t, now.Dropped["ds-out-drop-icmp"], before.Dropped["ds-out-drop-icmp"]+2, "one of each family: %v", now.Dropped)
		observed, err := plane.Observe(ctx, pod.NS, desired)
		require.NoError(t, err)
		later, same := plane.Unchanged(pod.NS, found)
		require.True(t, same)
		for name, n := range observed.Dropped { // the pod's kernel may send something meanwhile
			require.LessOrEqual(t, now.Dropped[name], n, name)
			require.LessOrEqual(t, n, later.Dropped[name], name)
		}
		require.Len(t, later.Dropped, len(observed.Dropped))
		require.False(t, unchanged(kit.NewNamespace(t), found), "a namespace without rules")

		for _, what := range tamperings() {
			for _, f := range []iptables.Family{iptables.V4, iptables.V6} {
				tamper(t, pod.NS, b, f, what)
				require.False(t, unchanged(pod.NS, found), "%s, %s", what.name, f)
				repaired, err := plane.Enforce(ctx, pod.NS, desired)
				require.NoError(t, err)
				require.True(t, repaired.Wrote, "%s, %s", what.name, f)
				found, err = plane.Enforce(ctx, pod.NS, desired)
				require.NoError(t, err)
				require.True(t, unchanged(pod.NS, found), "after the repair: %s, %s", what.name, f)
			}
		}
	})
}

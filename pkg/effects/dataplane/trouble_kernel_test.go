//go:build kernel

package dataplane_test

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

// spoiled is the plan with one rule changed.
func spoiled(t *testing.T, comment string, change func(*iptables.Rule)) []iptables.Ruleset {
	t.Helper()
	desired := bound(t)
	for i := range desired {
		desired[i] = desired[i].Edit(func(_, _ string, r iptables.Rule) iptables.Rule {
			if r.Comment == comment {
				change(&r)
			}
			return r
		})
	}
	return desired
}

func TestCheck(t *testing.T) {
	ctx := context.Background()
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		t.Run("passes what the kernel can hold, whatever cgroup it names", func(t *testing.T) {
			require.NoError(t, dataplane.New(b).Check(ctx, redirect.Plan(settings(), redirect.Proxy{Cgroup: "/no/such/cgroup"})))
			require.NoError(t, dataplane.New(b).Check(ctx, redirect.Plan(settings(), redirect.Proxy{})))
		})
		for name, change := range map[string]func(*iptables.Rule){
			"a protocol that does not exist": func(r *iptables.Rule) { r.Matches[0] = iptables.Protocol("nosuchprotocol") },
			"a target that does not exist":   func(r *iptables.Rule) { r.Target = iptables.Jump("NOSUCHTARGET") },
			"an answer that does not exist":  func(r *iptables.Rule) { r.Target = iptables.Reject("no-such-answer") },
		} {
			t.Run("names the rule that needs "+name, func(t *testing.T) {
				err := dataplane.New(b).Check(ctx, spoiled(t, "ds-out-drop-udp", change))
				require.ErrorContains(t, err, program(b, iptables.V4)+"-restore")
				if name == "a target that does not exist" && b == xtables.NFT {
					require.ErrorContains(t, err, "NOSUCHTARGET") // it takes it for a chain, and notices at COMMIT
					return
				}
				require.ErrorContains(t, err, "ds-out-drop-udp")
			})
		}
		t.Run("refuses a word that would start another line", func(t *testing.T) {
			desired := redirect.Plan(settings(), redirect.Proxy{Cgroup: "/x\n-A OUTPUT -j ACCEPT"})
			_, err := dataplane.New(b).Enforce(ctx, kit.NewNamespace(t), desired)
			require.ErrorContains(t, err, "line end")
		})
	})
}

func TestAFailedWriteLeavesWhatWasThere(t *testing.T) {
	ctx := context.Background()
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		plane, ns := dataplane.New(b), kit.NewNamespace(t)
		before := redirect.Plan(settings(), redirect.Proxy{})
		_, err := plane.Enforce(ctx, ns, before)
		require.NoError(t, err)
		_, err = plane.Enforce(ctx, ns, redirect.Plan(settings(), redirect.Proxy{Cgroup: "/no/such/cgroup"}))
		require.ErrorContains(t, err, "/no/such/cgroup")
		state, err := plane.Observe(ctx, ns, before)
		require.NoError(t, err)
		require.Empty(t, state.Drift)
	})
}

func TestAMissingProgramIsNamedWithItsPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, b := range backends() {
		_, err := dataplane.New(b).Enforce(context.Background(), kit.NewNamespace(t), redirect.Plan(settings(), redirect.Proxy{}))
		require.ErrorContains(t, err, program(b, iptables.V4))
		require.ErrorContains(t, err, "install iptables")
	}
	_, _, err := xtables.Detect()
	require.ErrorContains(t, err, "install iptables")
}

func TestACancelledContextEndsTheCall(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, b := range backends() {
		_, err := dataplane.New(b).Enforce(ctx, kit.NewNamespace(t), redirect.Plan(settings(), redirect.Proxy{}))
		require.ErrorIs(t, err, context.Canceled)
	}
}

// TestAPodDoesNotWaitForTheNodesRules: whoever holds the node's xtables lock, kube-proxy for instance, does not hold up a pod.
func TestAPodDoesNotWaitForTheNodesRules(t *testing.T) {
	lock, err := os.OpenFile("/run/xtables.lock", os.O_RDONLY|os.O_CREATE, 0o600)
	require.NoError(t, err)
	defer lock.Close()
	require.NoError(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	start := time.Now()
	_, err = dataplane.New(xtables.Legacy).Enforce(context.Background(), kit.NewNamespace(t), redirect.Plan(settings(), redirect.Proxy{}))
	require.NoError(t, err)
	require.Less(t, time.Since(start), 10*time.Second, "the wait for the node's lock would take longer")
}

func userNamespaced(t *testing.T) *netns.Namespace {
	t.Helper()
	ns, err := netns.Open(kit.UserNamespaced(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	return ns
}

func TestAPodWithItsOwnUsers(t *testing.T) {
	ctx := context.Background()
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		plane, ns := dataplane.New(b), userNamespaced(t)
		t.Run("cannot be bound, and the error says why", func(t *testing.T) {
			_, err := plane.Enforce(ctx, ns, bound(t))
			require.ErrorContains(t, err, "hostUsers: true")
		})
		t.Run("can be closed", func(t *testing.T) {
			state, err := plane.Enforce(ctx, ns, redirect.Closed(settings()))
			require.NoError(t, err)
			require.True(t, state.Wrote)
			for _, f := range []iptables.Family{iptables.V4, iptables.V6} {
				requireGolden(t, fmt.Sprintf("%s-%s-closed.txt", b, f), saved(t, ns, b, f))
			}
		})
	})
}

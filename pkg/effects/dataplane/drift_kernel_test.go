//go:build kernel

package dataplane_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	ipt "github.com/coreos/go-iptables/iptables"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

// tampering is one thing that somebody with NET_ADMIN may do to the rules of one family.
type tampering struct {
	name string
	do   func(*ipt.IPTables) error
	want drift.Finding // family left out; What is the beginning
}

func tamperings() []tampering {
	return []tampering{
		{"puts an ACCEPT at the top", func(c *ipt.IPTables) error {
			return c.Insert("filter", "OUTPUT", 1, "-j", "ACCEPT")
		}, drift.Finding{Kind: drift.Unexpected, Where: "filter/OUTPUT", What: "rule -j ACCEPT"}},
		{"deletes a rule", func(c *ipt.IPTables) error {
			return c.DeleteById("filter", "OUTPUT", 5)
		}, drift.Finding{Kind: drift.Missing, Where: "filter/OUTPUT", What: "rule -m conntrack --ctstate INVALID"}},
		{"moves a rule", func(c *ipt.IPTables) error {
			rule := []string{"-o", "lo", "-m", "comment", "--comment", "ds-nat-out-loopback", "-j", "RETURN"}
			if err := c.Delete("nat", "OUTPUT", rule...); err != nil {
				return err
			}
			return c.Insert("nat", "OUTPUT", 1, rule...)
		}, drift.Finding{Kind: drift.Moved, Where: "nat/OUTPUT", What: "rules: ds-nat-out-loopback, ds-nat-out-ingress, ds-nat-out-local"}},
		{"doubles a rule", func(c *ipt.IPTables) error {
			return c.Append("mangle", "POSTROUTING", "-o", "lo", "-m", "comment", "--comment", "ds-wire-loopback", "-j", "ACCEPT")
		}, drift.Finding{Kind: drift.Unexpected, Where: "mangle/POSTROUTING", What: "rule -o lo"}},
		{"changes a policy", func(c *ipt.IPTables) error {
			return c.ChangePolicy("filter", "INPUT", "ACCEPT")
		}, drift.Finding{Kind: drift.Changed, Where: "filter/INPUT", What: "policy ACCEPT, should be DROP"}},
		{"adds a chain", func(c *ipt.IPTables) error {
			return c.NewChain("nat", "SOMEBODYS")
		}, drift.Finding{Kind: drift.Unexpected, Where: "nat", What: "chain SOMEBODYS"}},
		{"adds a rule to a table that is not ours", func(c *ipt.IPTables) error {
			return c.Append("raw", "OUTPUT", "-p", "tcp", "-j", "NOTRACK")
		}, drift.Finding{Kind: drift.Unexpected, Where: "raw/OUTPUT", What: "rule -p tcp -j "}},
		{"adds a chain to a table that is not ours", func(c *ipt.IPTables) error {
			return c.NewChain("raw", "SOMEBODYS")
		}, drift.Finding{Kind: drift.Unexpected, Where: "raw", What: "chain SOMEBODYS"}},
		{"empties a table", func(c *ipt.IPTables) error {
			return c.ClearAll()
		}, drift.Finding{Kind: drift.Missing, Where: "filter/OUTPUT", What: "rule -o lo"}},
		{"empties a chain", func(c *ipt.IPTables) error {
			return c.ClearChain("nat", "OUTPUT")
		}, drift.Finding{Kind: drift.Missing, Where: "nat/OUTPUT", What: "rule "}},
	}
}

func client(t *testing.T, b xtables.Backend, f iptables.Family) *ipt.IPTables {
	t.Helper()
	protocol := map[iptables.Family]ipt.Protocol{iptables.V4: ipt.ProtocolIPv4, iptables.V6: ipt.ProtocolIPv6}[f]
	c, err := ipt.New(ipt.IPFamily(protocol), ipt.Path(program(b, f)))
	require.NoError(t, err)
	return c
}

func tamper(t *testing.T, ns *netns.Namespace, b xtables.Backend, f iptables.Family, what tampering) {
	t.Helper()
	c := client(t, b, f)
	require.NoError(t, ns.Do(func() error { return what.do(c) }), what.name)
}

// requireFound: the finding is among them.
func requireFound(t *testing.T, findings []drift.Finding, f iptables.Family, want drift.Finding) {
	t.Helper()
	for _, got := range findings {
		if got.Family == f && got.Kind == want.Kind && got.Where == want.Where && strings.HasPrefix(got.What, want.What) {
			return
		}
	}
	require.Fail(t, "not found", "%s %v among %v", f, want, findings)
}

func bound(tb testing.TB) []iptables.Ruleset {
	tb.Helper()
	return redirect.Plan(settings(), redirect.Proxy{Cgroup: kit.NewCgroup(tb, "pod", "proxy").Path})
}

// requireAsGolden: the namespace holds what the golden files show. Tables of others are there, and empty.
func requireAsGolden(t *testing.T, ns *netns.Namespace, b xtables.Backend) {
	t.Helper()
	for _, f := range []iptables.Family{iptables.V4, iptables.V6} {
		have, err := iptables.ParseSave(f, saved(t, ns, b, f))
		require.NoError(t, err)
		have.Tables = slices.DeleteFunc(have.Tables, iptables.SavedTable.Empty)
		want, err := iptables.ParseSave(f, golden(t, b, f, "bound"))
		require.NoError(t, err)
		require.Equal(t, want.Text(), have.Text())
	}
}

func TestDriftIsSeenAndRepaired(t *testing.T) {
	ctx := context.Background()
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		plane, ns, desired := dataplane.New(b), kit.NewNamespace(t), bound(t)
		_, err := plane.Enforce(ctx, ns, desired)
		require.NoError(t, err)
		for _, what := range tamperings() {
			for _, f := range []iptables.Family{iptables.V4, iptables.V6} {
				t.Run("when somebody "+what.name+", "+string(f), func(t *testing.T) {
					tamper(t, ns, b, f, what)
					observed, err := plane.Observe(ctx, ns, desired)
					require.NoError(t, err)
					requireFound(t, observed.Drift, f, what.want)
					require.False(t, observed.Wrote)

					repaired, err := plane.Enforce(ctx, ns, desired)
					require.NoError(t, err)
					require.True(t, repaired.Wrote)
					require.Equal(t, observed.Drift, repaired.Drift, "what was repaired is told")
					requireAsGolden(t, ns, b)

					after, err := plane.Observe(ctx, ns, desired)
					require.NoError(t, err)
					require.Empty(t, after.Drift)
				})
			}
		}
	})
}

// TestRandomWalk: whatever was done to the rules, in whatever order, is undone; also by a plane that knows nothing yet.
func TestRandomWalk(t *testing.T) {
	ctx := context.Background()
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		seed := uint64(20260727)
		random := rand.New(rand.NewPCG(seed, seed))
		plane, ns, desired := dataplane.New(b), kit.NewNamespace(t), bound(t)
		all := tamperings()
		for step := range 60 {
			f := []iptables.Family{iptables.V4, iptables.V6}[random.IntN(2)]
			// Some steps cannot be done twice in a row: that is no harm.
			c := client(t, b, f)
			_ = ns.Do(func() error { return all[random.IntN(len(all))].do(c) })
			if random.IntN(3) == 0 {
				_, err := plane.Enforce(ctx, ns, desired)
				require.NoError(t, err, "step %d", step)
			}
		}
		_, err := dataplane.New(b).Enforce(ctx, ns, desired)
		require.NoError(t, err)
		requireAsGolden(t, ns, b)
	})
}

func TestCounters(t *testing.T) {
	ctx := context.Background()
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		pod, desired := kit.NewPod(t), bound(t)
		plane := dataplane.New(b)
		_, err := plane.Enforce(ctx, pod.NS, desired)
		require.NoError(t, err)
		app := kit.NewActor(t, kit.Identity{NS: pod.NS, UID: 1000, GID: 1000})
		for range 3 {
			require.Error(t, app.Ping(kit.NodeV4()))
		}
		count := func(s dataplane.State) uint64 {
			filter, _ := s.Rulesets[0].Table("filter")
			output, _ := filter.Chain("OUTPUT")
			for _, r := range output.Rules {
				if r.Comment == "ds-out-drop-icmp" {
					return r.Count.Packets
				}
			}
			return 0
		}
		t.Run("count what was dropped", func(t *testing.T) {
			state, err := plane.Observe(ctx, pod.NS, desired)
			require.NoError(t, err)
			require.EqualValues(t, 3, count(state))
		})
		t.Run("stay when other rules are repaired", func(t *testing.T) {
			tamper(t, pod.NS, b, iptables.V4, tamperings()[0])
			state, err := plane.Enforce(ctx, pod.NS, desired)
			require.NoError(t, err)
			require.EqualValues(t, 3, count(state))
		})
		t.Run("stay when all is written anew for another container", func(t *testing.T) {
			state, err := plane.Rewrite(ctx, pod.NS, bound(t))
			require.NoError(t, err)
			require.EqualValues(t, 3, count(state))
		})
	})
}

func TestWhatIptablesCannotShowIsSeenAndRemoved(t *testing.T) {
	ctx := context.Background()
	plane, ns, desired := dataplane.New(xtables.NFT), kit.NewNamespace(t), bound(t)
	_, err := plane.Enforce(ctx, ns, desired)
	require.NoError(t, err)
	inside(t, ns, "nft", "add chain ip filter early { type filter hook output priority -400 ; policy accept ; }")
	observed, err := plane.Observe(ctx, ns, desired)
	require.NoError(t, err)
	requireFound(t, observed.Drift, iptables.V4, drift.Finding{Kind: drift.Unexpected, Where: "filter", What: "something that iptables cannot show"})
	_, err = plane.Enforce(ctx, ns, desired)
	require.NoError(t, err)
	require.NotContains(t, inside(t, ns, "nft", "list", "ruleset"), "early")
}

//go:build kernel

package dataplane_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { kit.Main(m) }

func backends() []xtables.Backend { return []xtables.Backend{xtables.NFT, xtables.Legacy} }

// eachBackend runs f for both backends, one after the other: they share the xtables lock.
func eachBackend(t *testing.T, f func(t *testing.T, b xtables.Backend)) {
	t.Helper()
	for _, b := range backends() {
		t.Run(string(b), func(t *testing.T) { f(t, b) })
	}
}

func settings() redirect.Settings { return redirect.Settings{IPv6: true} }

// saved is what iptables-save prints, less what differs from run to run.
func saved(tb testing.TB, ns *netns.Namespace, b xtables.Backend, f iptables.Family) string {
	tb.Helper()
	return normal(inside(tb, ns, program(b, f)+"-save"))
}

// program is the name of a family's iptables in a backend.
func program(b xtables.Backend, f iptables.Family) string {
	return map[iptables.Family]string{iptables.V4: "iptables-", iptables.V6: "ip6tables-"}[f] + string(b)
}

// inside runs a program in the namespace and returns what it printed.
func inside(tb testing.TB, ns *netns.Namespace, name string, args ...string) string {
	tb.Helper()
	var out []byte
	require.NoError(tb, ns.Do(func() (err error) {
		out, err = exec.Command(name, args...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s %v: %w: %s", name, args, err, out)
		}
		return err
	}))
	return string(out)
}

// normal strips comments and counters, and gives every cgroup the same name.
func normal(text string) string {
	text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`\[\d+:\d+\] ?`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`(?m) +$`).ReplaceAllString(text, "")
	return regexp.MustCompile(`--path \S+`).ReplaceAllString(text, "--path PROXY")
}

// golden reads the golden file of a setting.
func golden(t *testing.T, b xtables.Backend, f iptables.Family, setting string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("%s-%s-%s.txt", b, f, setting)))
	require.NoError(t, err)
	return string(text)
}

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s; if the change is meant, go test -tags kernel ./pkg/effects/dataplane -update", path)
}

func TestGolden(t *testing.T) {
	ctx := context.Background()
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		plane := dataplane.New(b)
		for _, setting := range []string{"unbound", "bound"} {
			t.Run(setting, func(t *testing.T) {
				ns, proxy := kit.NewNamespace(t), redirect.Proxy{}
				if setting == "bound" {
					proxy.Cgroup = kit.NewCgroup(t, "pod", "proxy").Path
				}
				desired := redirect.Plan(settings(), proxy)
				state, err := plane.Enforce(ctx, ns, desired)
				require.NoError(t, err)
				require.True(t, state.Wrote)
				require.NotEmpty(t, state.Drift, "an empty namespace differs from what is desired")
				for _, set := range desired {
					requireGolden(t, fmt.Sprintf("%s-%s-%s.txt", b, set.Family, setting), saved(t, ns, b, set.Family))
				}
				requireIdempotent(ctx, t, plane, ns, desired, state)
				requireCleared(ctx, t, plane, ns, b)
			})
		}
	})
}

func requireIdempotent(ctx context.Context, t *testing.T, plane *dataplane.Dataplane, ns *netns.Namespace, desired []iptables.Ruleset, first dataplane.State) {
	t.Helper()
	again, err := plane.Enforce(ctx, ns, desired)
	require.NoError(t, err)
	require.False(t, again.Wrote, "what is there already is not written")
	require.Empty(t, again.Drift)
	require.Equal(t, first.Hash, again.Hash)
	observed, err := plane.Observe(ctx, ns, desired)
	require.NoError(t, err)
	require.Empty(t, observed.Drift)
	require.Equal(t, first.Hash, observed.Hash)
	for i, set := range desired {
		for _, table := range set.Tables {
			require.Equal(t, table.Rules(), observed.RuleCounts()[string(set.Family)][table.Name])
		}
		require.Equal(t, set.Cgroups(), observed.Rulesets[i].Cgroups(), "the path is read back as it was written")
	}
}

func requireCleared(ctx context.Context, t *testing.T, plane *dataplane.Dataplane, ns *netns.Namespace, b xtables.Backend) {
	t.Helper()
	families := []iptables.Family{iptables.V4, iptables.V6}
	for range 2 { // twice: what is empty stays so
		require.NoError(t, plane.Clear(ctx, ns, families...))
	}
	for _, f := range families {
		set, err := iptables.ParseSave(f, inside(t, ns, program(b, f)+"-save"))
		require.NoError(t, err)
		require.Empty(t, slices.DeleteFunc(set.Tables, iptables.SavedTable.Empty))
		requireGolden(t, fmt.Sprintf("%s-%s-cleared.txt", b, f), saved(t, ns, b, f))
	}
}

func TestClearOfAnUntouchedNamespaceLeavesItSo(t *testing.T) {
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		ns := kit.NewNamespace(t)
		require.NoError(t, dataplane.New(b).Clear(context.Background(), ns, iptables.V4, iptables.V6))
		require.Empty(t, saved(t, ns, b, iptables.V4))
		require.Empty(t, saved(t, ns, b, iptables.V6))
	})
}

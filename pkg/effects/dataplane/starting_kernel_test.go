//go:build kernel

package dataplane_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

func TestAPodThatStarts(t *testing.T) {
	ctx := context.Background()
	eachBackend(t, func(t *testing.T, b xtables.Backend) {
		t.Helper()
		plane, ns := dataplane.New(b), kit.NewNamespace(t)
		shut, bound := redirect.Shut(settings()), bound(t)
		require.NoError(t, plane.Check(ctx, shut))
		t.Run("is shut, and the kernel holds what the programs would have written", func(t *testing.T) {
			if b == xtables.NFT {
				withoutRestore(t, b)
			}
			state, err := plane.Enforce(ctx, ns, shut)
			require.NoError(t, err)
			for _, set := range shut {
				requireGolden(t, fmt.Sprintf("%s-%s-shut.txt", b, set.Family), saved(t, ns, b, set.Family))
			}
			requireIdempotent(ctx, t, plane, ns, shut, state)
		})
		t.Run("is opened to its proxy by filter alone, before all else is written", func(t *testing.T) {
			require.NoError(t, plane.Fill(ctx, ns, opening(bound)))
			state, err := plane.Enforce(ctx, ns, bound)
			require.NoError(t, err)
			for _, f := range state.Drift {
				require.NotEqual(t, "filter", f.Table(), "%s", f)
			}
			for _, set := range bound {
				requireGolden(t, fmt.Sprintf("%s-%s-bound.txt", b, set.Family), saved(t, ns, b, set.Family))
			}
		})
		t.Run("is made right where it was opened twice", func(t *testing.T) {
			require.NoError(t, plane.Fill(ctx, ns, opening(bound)))
			state, err := plane.Enforce(ctx, ns, bound)
			require.NoError(t, err)
			require.NotEmpty(t, state.Drift)
			requireGolden(t, fmt.Sprintf("%s-%s-bound.txt", b, iptables.V4), saved(t, ns, b, iptables.V4))
		})
		t.Run("is not shut where somebody has written already, unless that leaves no gap", func(t *testing.T) {
			ns := kit.NewNamespace(t)
			inside(t, ns, program(b, iptables.V4), "-A", "OUTPUT", "-j", "ACCEPT")
			before := saved(t, ns, b, iptables.V4)
			_, err := plane.Enforce(ctx, ns, shut)
			if b == xtables.NFT {
				require.ErrorIs(t, err, dataplane.ErrTaken)
				require.Equal(t, before, saved(t, ns, b, iptables.V4))
				return
			}
			require.NoError(t, err)
			requireGolden(t, fmt.Sprintf("%s-%s-shut.txt", b, iptables.V4), saved(t, ns, b, iptables.V4))
		})
	})
}

// opening is filter of a plan.
func opening(plan []iptables.Ruleset) []iptables.Ruleset {
	var sets []iptables.Ruleset
	for _, set := range plan {
		sets = append(sets, iptables.Ruleset{Family: set.Family, Tables: set.Tables[:1]})
	}
	return sets
}

// withoutRestore leaves the test only the programs that read.
func withoutRestore(t *testing.T, b xtables.Backend) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range []iptables.Family{iptables.V4, iptables.V6} {
		path, err := exec.LookPath(program(b, f) + "-save")
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(dir, filepath.Base(path))))
	}
	t.Setenv("PATH", dir)
}

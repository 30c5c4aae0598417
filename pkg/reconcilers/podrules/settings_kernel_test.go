//go:build kernel

package podrules

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/xtables"
)

// A node cannot hold rules that log: the agent starts, plans the others, and reports what is missing if it was asked to log.
func TestWithoutNFLOGTheOtherRulesArePlanned(t *testing.T) {
	settings := func(log bool) *Reconciler {
		t.Helper()
		s, err := SettingsOf(t.Context(), dataplane.New(xtables.Legacy), "legacy", log, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		return New(s, Parts{})
	}
	whole := settings(true)
	require.Equal(t, redirect.Settings{IPv6: true, LogDrops: true}, whole.settings)
	require.NotNil(t, whole.parts.DropLog)
	require.Empty(t, whole.Problem())

	extensions, err := filepath.Glob("/usr/lib*/*/xtables/*.so") // of the iptables programs
	require.NoError(t, err)
	require.NotEmpty(t, extensions)
	folder := t.TempDir()
	for _, path := range extensions {
		if filepath.Base(path) != "libxt_NFLOG.so" {
			require.NoError(t, os.Symlink(path, filepath.Join(folder, filepath.Base(path))))
		}
	}
	t.Setenv("XTABLES_LIBDIR", folder)
	without := settings(true)
	require.Equal(t, redirect.Settings{IPv6: true, LogDrops: true, NoLog: true}, without.settings)
	require.Nil(t, without.parts.DropLog)
	require.Contains(t, without.Problem(), "--drop-destinations")
	require.Equal(t, redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{}), redirect.Plan(without.settings, redirect.Proxy{}))
	require.Empty(t, settings(false).Problem(), "it was not asked to")
}

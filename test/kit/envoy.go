package kit

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Envoy returns the path of the real Envoy, which the lab has built or which ENVOY names. The test fails without it.
func Envoy(tb testing.TB) string {
	tb.Helper()
	path := os.Getenv("ENVOY")
	if path == "" {
		return Program(tb, "envoy")
	}
	require.FileExists(tb, path, "ENVOY names no file")
	return path
}

// Program returns the path of an upstream program that `make tools` has built. The test fails without it.
func Program(tb testing.TB, name string) string {
	tb.Helper()
	cache := os.Getenv("DATA_SPACER_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		require.NoError(tb, err)
		cache = filepath.Join(home, ".cache", "data-spacer")
	}
	path := filepath.Join(cache, "bin", name)
	require.FileExists(tb, path, "build the upstream programs first: make tools")
	return path
}

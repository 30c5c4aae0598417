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
		cache := os.Getenv("DATA_SPACER_CACHE")
		if cache == "" {
			home, err := os.UserHomeDir()
			require.NoError(tb, err)
			cache = filepath.Join(home, ".cache", "data-spacer")
		}
		path = filepath.Join(cache, "bin", "envoy")
	}
	require.FileExists(tb, path, "no Envoy: set ENVOY to the program, or build the lab's binaries with `make tools`")
	return path
}

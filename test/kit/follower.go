package kit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Follower builds the module of Envoy that reads along, and returns its file, which every user may read. It needs a C compiler. Linking takes
// seconds, so the tests of one run of test/isolated, whose TMPDIR ends with it, share the file; other runs build it for each test.
func Follower(tb testing.TB) string {
	tb.Helper()
	const name = "libfollower.so"
	shared := ""
	if os.Getenv("DATA_SPACER_TEST_RUN") != "" {
		shared = filepath.Join(os.TempDir(), name)
		if _, err := os.Stat(shared); err == nil {
			return shared
		}
	}
	dir, err := os.MkdirTemp("", "follower-")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(tb, os.Chmod(dir, 0o755))
	file := filepath.Join(dir, name)
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, "data-space.liqo.io/build/envoy/follower")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	text, err := build.CombinedOutput()
	require.NoError(tb, err, "%s", text)
	if shared == "" {
		return file
	}
	require.NoError(tb, os.Rename(file, shared)) // whole, also for a test beside this one
	return shared
}

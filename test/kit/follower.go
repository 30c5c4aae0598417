package kit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Follower builds the module of Envoy that reads along, and returns its file, which every user may read. It needs a C compiler.
func Follower(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "follower-")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(tb, os.Chmod(dir, 0o755))
	file := filepath.Join(dir, "libfollower.so")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, "data-space.liqo.io/build/envoy/follower")
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	text, err := build.CombinedOutput()
	require.NoError(tb, err, "%s", text)
	return file
}

//go:build api

package crds

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	waitLong = 60 * time.Second
	waitStep = 500 * time.Millisecond
	types    = "../../../pkg/values/v1alpha1"
)

// contains compares words: kubectl breaks lines.
func contains(text, words string) bool {
	return strings.Contains(strings.Join(strings.Fields(text), " "), words)
}

// TestTheGeneratedFilesAreCurrent: `make generate` writes them from the types.
func TestTheGeneratedFilesAreCurrent(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "controller-gen")
	build := exec.Command("go", "build", "-o", tool, "sigs.k8s.io/controller-tools/cmd/controller-gen")
	build.Dir = "../../../build/tools/crds"
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	fresh := t.TempDir()
	for _, arguments := range [][]string{{"crd", "output:crd:dir=" + fresh}, {"object", "output:object:dir=" + fresh}} {
		generate := exec.Command(tool, append(arguments, "paths=.")...)
		generate.Dir = types
		out, err := generate.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	files, err := os.ReadDir(fresh)
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		kept := filepath.Join(folder, file.Name())
		if strings.HasSuffix(file.Name(), ".go") {
			kept = filepath.Join(types, file.Name())
		}
		want, err := os.ReadFile(filepath.Join(fresh, file.Name()))
		require.NoError(t, err)
		have, err := os.ReadFile(kept)
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), "%s differs from what its types say: run make generate", kept)
	}
}

//go:build kernel || api || bench

package agent_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const pauseImage = "docker.io/data-spacer-test/pause:1"

// importPause makes the only image there is.
func (n *node) importPause(dir string) {
	program := filepath.Join(dir, "pause")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./pause")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(n.t, err, string(out))
	archive := filepath.Join(dir, "pause.tar")
	require.NoError(n.t, os.WriteFile(archive, image(n.t, program, pauseImage), 0o600))
	out, err = n.engine.load(n, dir, archive).CombinedOutput()
	require.NoError(n.t, err, string(out))
}

// image is a docker-archive with one program and nothing else.
func image(t *testing.T, program, tag string) []byte {
	t.Helper()
	text, err := os.ReadFile(program)
	require.NoError(t, err)
	layer := tarball(t, "pause", text)
	sum := sha256.Sum256(layer)
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Entrypoint": []string{"/pause"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	require.NoError(t, err)
	manifest, err := json.Marshal([]map[string]any{{"Config": "config.json", "RepoTags": []string{tag}, "Layers": []string{"layer.tar"}}})
	require.NoError(t, err)
	return tarball(t, "layer.tar", layer, "config.json", config, "manifest.json", manifest)
}

// tarball takes name, content, ….
func tarball(t *testing.T, parts ...any) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(parts); i += 2 {
		name, content := parts[i].(string), parts[i+1].([]byte)
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
		_, err := io.Copy(w, bytes.NewReader(content))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

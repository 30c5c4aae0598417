package facts_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// A client that others wrote (test/tlogclient) reads the log over HTTP: the checkpoint, each line, each line's proof, and proofs from files.
func TestAnIndependentClientVerifiesTheLogAndItsProofs(t *testing.T) {
	client := filepath.Join(t.TempDir(), "tlogclient")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../../../test/tlogclient", "-o", client, ".")
	text, err := build.CombinedOutput()
	require.NoError(t, err, "%s", text)

	folder := filepath.Join(t.TempDir(), "facts")
	l, err := factlog.Open(folder, config(folder).Options)
	require.NoError(t, err)
	for i := range 10 {
		var all []fact.Fact
		for j := range 70 {
			all = append(all, fact.Fact{Time: time.Now(), Kind: "Enforced", Message: fmt.Sprintf("%d \n\x00 %d", i, j)})
		}
		_, err := l.Append(all)
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())
	server := httptest.NewServer(facts.New(config(folder), prometheus.NewRegistry()).Handler())
	defer server.Close()
	keys, err := factlog.Folder(folder).Keys()
	require.NoError(t, err)
	args := []string{server.URL + agentapi.LogPath, keys[0]}
	for _, index := range []int64{0, 255, 256, 700} {
		var proof bytes.Buffer
		require.NoError(t, facts.Prove(&proof, folder, index))
		file := filepath.Join(t.TempDir(), "proof")
		require.NoError(t, os.WriteFile(file, proof.Bytes(), 0o600))
		args = append(args, file)
	}
	text, err = exec.CommandContext(t.Context(), client, args...).CombinedOutput()
	require.NoError(t, err, "%s", text)
	require.Equal(t, "701", strings.TrimSpace(string(text)), "lines that it has verified")

	t.Run("not a log with another line", func(t *testing.T) {
		path := filepath.Join(folder, "lines", fmt.Sprintf("%020d.jsonl", 0))
		lines, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, bytes.Replace(lines, []byte(`"Enforced"`), []byte(`"Released"`), 1), 0o600))
		text, err := exec.CommandContext(t.Context(), client, args...).CombinedOutput()
		require.Error(t, err, "%s", text)
	})
}

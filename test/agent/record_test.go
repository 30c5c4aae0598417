//go:build kernel

package agent_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/logfollow"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/programs/recorder"
)

func TestTheRecordFollowsTheLogOfARealRuntime(t *testing.T) { onEach(t, recordOf) }

// recordOf has a container write all the time, while its log is rotated as the kubelet does, the recorder is killed and
// followed by another, the container is killed and started again, and the logs are removed.
func recordOf(t *testing.T, e engine) {
	n := newNodeOf(t, e)
	logs, folder := t.TempDir(), t.TempDir()
	config := n.sandboxConfig("pharma", "job")
	config.LogDirectory = filepath.Join(logs, "pharma_job_uid-job")
	require.NoError(t, os.MkdirAll(filepath.Join(config.LogDirectory, "proxy"), 0o755))
	source := record.Source{Guest: "pharma-1", Namespace: "pharma", Pod: "job", UID: "uid-job", Container: "proxy"}
	start := func() *recorder.Recorder {
		r, err := recorder.New(recorder.Config{
			Logs: logs, Folder: folder, Node: 64 << 20, Removed: 1 << 30, Log: slog.New(slog.DiscardHandler),
			Limits: recordfile.Limits{Total: 64 << 20, Segment: 1 << 20}, Source: logfollow.Limits{Rate: 8 << 20, Burst: 8 << 20, Lag: 64 << 20},
			Sources: func() []record.Source { return []record.Source{source} },
		})
		require.NoError(t, err)
		return r
	}
	poll := func(r *recorder.Recorder, while time.Duration) {
		for end := time.Now().Add(while); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			r.Poll(time.Now())
		}
	}
	box := n.runPod(config)
	first := n.says(config, box, 0)
	r := start()
	poll(r, time.Second)
	current := filepath.Join(config.LogDirectory, "proxy", "0.log")
	for i := range 3 {
		require.NoError(t, os.Rename(current, fmt.Sprintf("%s.2026010%d-000000", current, i)))
		time.Sleep(100 * time.Millisecond) // the container writes on
		_, err := n.runtime.ReopenContainerLog(t.Context(), &cri.ReopenContainerLogRequest{ContainerId: first})
		require.NoError(t, err)
		if i == 1 {
			r = start() // killed: the one before has closed nothing
		}
		poll(r, time.Second)
	}
	n.kill(first)
	second := n.says(config, box, 1)
	poll(r, 2*time.Second)
	require.NoError(t, os.Remove(current)) // as the kubelet does, some restarts later
	n.kill(second)
	require.NoError(t, os.RemoveAll(config.LogDirectory))
	require.Eventually(t, func() bool { r.Poll(time.Now()); return hasEnded(t, folder) }, time.Minute, 50*time.Millisecond, "all is read, and removed")
	complete(t, folder)
}

// says starts a container that prints lines without end.
func (n *node) says(config *cri.PodSandboxConfig, box string, attempt uint32) string {
	n.t.Helper()
	answer, err := n.runtime.CreateContainer(n.t.Context(), &cri.CreateContainerRequest{
		PodSandboxId: box, SandboxConfig: config,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "proxy", Attempt: attempt}, Image: &cri.ImageSpec{Image: pauseImage, UserSpecifiedImage: pauseImage},
			Args: []string{fmt.Sprint(attempt)}, LogPath: fmt.Sprintf("proxy/%d.log", attempt),
			Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
				NamespaceOptions: &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER},
			}},
		},
	})
	require.NoError(n.t, err)
	n.run(answer.GetContainerId())
	return answer.GetContainerId()
}

// hasEnded reports whether the record has the end of the container's logs.
func hasEnded(t *testing.T, folder string) bool {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, recorder.Print(&out, folder, recorder.Query{JSON: true}))
	return bytes.Contains(out.Bytes(), []byte(`"ended":true`))
}

// complete requires that the record has the lines of both containers from the first on, each once, in order and whole.
func complete(t *testing.T, folder string) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, recorder.Print(&out, folder, recorder.Query{JSON: true}))
	next := map[string]int{}
	ended := false
	for line := range bytes.Lines(out.Bytes()) {
		var e record.Entry
		require.NoError(t, json.Unmarshal(line, &e))
		require.Nil(t, e.Gap, "%s", line)
		if e.Ended {
			ended = true
			continue
		}
		var l struct {
			From string
			N    int
		}
		require.NoError(t, json.Unmarshal(e.Log, &l), "%.300s", line)
		require.Equal(t, next[l.From], l.N, "container %s: %+v", l.From, e.Position)
		next[l.From]++
	}
	t.Log("lines of each container:", next)
	const few = 200 // a busy machine writes a line in some milliseconds; each hundredth is a long one
	require.Greater(t, next["0"], 2*few)
	require.Greater(t, next["1"], few)
	require.True(t, ended)
}

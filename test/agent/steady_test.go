//go:build bench

package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

// What a node with many foreign pods costs between changes: at most 60 MiB and 1 % of a core.
const (
	pods        = 30
	maxResident = 60 << 20
	maxCore     = 0.01
	watched     = 2 * time.Minute
)

func TestThirtyPodsAtRest(t *testing.T) {
	c := newCluster(t)
	n := newNode(t)
	c.namespace("pharma", map[string]string{apis.LabelRemoteCluster: "pharma-1"})
	c.object("127.0.0.1")
	logs := t.TempDir()
	p := startProgram(t, c, n, c.kubeconfig(c.config.Host, apis.SystemNamespace, account), t.TempDir(), "--enable=redirect,networkpolicy",
		"--record-dir="+t.TempDir(), "--pod-logs-dir="+logs)
	p.ready()

	var all sync.WaitGroup
	for i := range pods {
		name := fmt.Sprintf("job-%d", i)
		pod := c.pod("pharma", name)
		all.Go(func() {
			config := n.sandboxConfig("pharma", name)
			config.Metadata.Uid = string(pod.UID)
			config.LogDirectory = filepath.Join(logs, "pharma_"+name+"_"+string(pod.UID))
			box := n.runPod(config)
			n.run(n.listens(config, box))
			n.run(n.create(config, box, "app", 0))
		})
	}
	all.Wait()
	for i := range pods {
		p.reaches(fmt.Sprintf("job-%d", i), agentapi.Enforced, "")
	}
	time.Sleep(10 * time.Second)

	pid := p.command.Process.Pid
	before := busy(t, pid)
	time.Sleep(watched)
	core := (busy(t, pid) - before).Seconds() / watched.Seconds()
	resident := memory(t, pid, "VmRSS")
	t.Logf("%d pods at rest: %.2f %% of a core, %.1f MiB resident", pods, core*100, float64(resident)/(1<<20))
	require.LessOrEqual(t, resident, maxResident)
	require.LessOrEqual(t, core, maxCore)
}

// listens makes a container that listens and logs as the proxy does.
func (n *node) listens(config *cri.PodSandboxConfig, box string) string {
	n.t.Helper()
	if err := os.MkdirAll(filepath.Join(config.LogDirectory, apis.ProxyContainerName), 0o755); err != nil {
		n.t.Error(err)
	}
	args := []string{"listen"}
	for _, port := range redirect.MarkedPorts() {
		args = append(args, strconv.Itoa(int(port)))
	}
	answer, err := n.runtime.CreateContainer(n.t.Context(), &cri.CreateContainerRequest{
		PodSandboxId: box, SandboxConfig: config,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: apis.ProxyContainerName}, Image: &cri.ImageSpec{Image: pauseImage, UserSpecifiedImage: pauseImage},
			Labels: map[string]string{"io.kubernetes.container.name": apis.ProxyContainerName},
			Args:   args, LogPath: apis.ProxyContainerName + "/0.log",
			Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
				Capabilities:     &cri.Capability{DropCapabilities: []string{"NET_RAW"}},
				NamespaceOptions: &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER},
			}},
		},
	})
	if err != nil {
		n.t.Error(err)
	}
	return answer.GetContainerId()
}

// busy is the CPU time that the process and its ended children have used (proc_pid_stat(5): utime, stime, cutime, cstime,
// in hundredths of a second).
func busy(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var ticks int
	for _, f := range fields[11:15] {
		v, err := strconv.Atoi(f)
		require.NoError(t, err)
		ticks += v
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// memory is an amount of the process' memory in bytes, by its name in proc_pid_status(5).
func memory(t *testing.T, pid int, name string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name+":" {
			v, err := strconv.Atoi(f[1])
			require.NoError(t, err)
			return v << 10
		}
	}
	require.Fail(t, "no "+name)
	return 0
}

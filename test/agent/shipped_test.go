//go:build bench

package agent_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
)

// manifest is how deploy/agent.yaml runs the agent.
type manifest struct {
	args    []string
	goLimit string
	limit   int
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	text, err := os.ReadFile(root + "/deploy/agent.yaml")
	require.NoError(t, err)
	objects, err := apiserver.Objects(text)
	require.NoError(t, err)
	for _, o := range objects {
		if o.GetKind() != "DaemonSet" {
			continue
		}
		var d appsv1.DaemonSet
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &d))
		c := d.Spec.Template.Spec.Containers[0]
		m := manifest{args: c.Args, limit: int(c.Resources.Limits.Memory().Value())}
		for _, e := range c.Env {
			if e.Name == "GOMEMLIMIT" {
				m.goLimit = e.Value
			}
		}
		return m
	}
	require.Fail(t, "deploy/agent.yaml has no DaemonSet")
	return manifest{}
}

// memoryGroup is a control group with a memory limit, in the hierarchy that has the memory controller.
type memoryGroup struct {
	dir     string
	highest string // file of the highest use so far
	limit   int
}

func newMemoryGroup(t *testing.T, limit int) memoryGroup {
	t.Helper()
	g, file, parent := memoryGroup{highest: "memory.peak", limit: limit}, "memory.max", "/sys/fs/cgroup"
	if _, err := os.Stat(parent + "/memory/memory.limit_in_bytes"); err == nil {
		g.highest, file, parent = "memory.max_usage_in_bytes", "memory.limit_in_bytes", parent+"/memory"
	}
	var err error
	g.dir, err = os.MkdirTemp(parent, kit.RunName()+"-")
	require.NoError(t, err)
	t.Cleanup(func() {
		require.Eventually(t, func() bool { return os.Remove(g.dir) == nil }, 30*time.Second, 50*time.Millisecond)
	})
	require.NoError(t, os.WriteFile(filepath.Join(g.dir, file), []byte(strconv.Itoa(limit)), 0o600))
	return g
}

// peak is the highest use of memory so far, in bytes: of the agent and of the programs that it runs.
func (g memoryGroup) peak(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, g.highest))
	require.NoError(t, err)
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	return n
}

//go:build kernel

package agent_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/workload"
)

func TestSandboxesOfARealRuntime(t *testing.T) { onEach(t, sandboxesOf) }

func sandboxesOf(t *testing.T, e engine) {
	n := newNodeOf(t, e)
	client, err := sandbox.Dial(t.Context(), n.socket)
	require.NoError(t, err)
	defer client.Close()
	require.Contains(t, client.Runtime, e.name)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var live atomic.Bool
	var events atomic.Int32
	go client.Watch(ctx, &live, func() { events.Add(1) })
	require.Eventually(t, live.Load, 30*time.Second, 10*time.Millisecond)

	config := n.sandboxConfig("pharma", "job")
	id := n.runPod(config)
	require.Eventually(t, func() bool { return events.Load() > 1 }, 30*time.Second, 10*time.Millisecond, "the sandbox is announced")
	proxy := n.create(config, id, "data-space-proxy", 0)

	boxes, err := client.List(t.Context())
	require.NoError(t, err)
	require.Len(t, boxes, 1)
	require.Equal(t, []any{id, "pharma", "job", "uid-job", true}, []any{boxes[0].ID, boxes[0].Namespace, boxes[0].Name, boxes[0].UID, boxes[0].Ready})
	require.Equal(t, workload.Created, boxes[0].Containers[0].State)

	detail, err := client.Sandbox(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, detail.IPs, 2, "one of each family")
	ns, err := netns.Open(detail.Netns)
	require.NoError(t, err)
	defer ns.Close()
	require.NoError(t, ns.CheckPod(detail.IPs))

	early, err := client.Process(t.Context(), proxy)
	if e.early {
		require.NoError(t, err)
	} else {
		require.ErrorIs(t, err, sandbox.ErrGone, "it was not started")
	}
	n.run(proxy)
	process, err := client.Process(t.Context(), proxy)
	require.NoError(t, err)
	require.Equal(t, n.parent+e.cgroup+proxy, process.Cgroup)
	require.NotZero(t, process.CgroupInode)
	if e.early {
		require.Equal(t, early, process, "what waited for its start is what runs now")
	}

	host := n.sandboxConfig("pharma", "host")
	host.Linux.SecurityContext.NamespaceOptions.Network = cri.NamespaceMode_NODE
	detail, err = client.Sandbox(t.Context(), n.runPod(host))
	require.NoError(t, err)
	require.True(t, detail.HostNetwork)
	require.Empty(t, detail.Netns)

	n.kill(proxy)
	_, err = client.Process(t.Context(), proxy)
	require.ErrorIs(t, err, sandbox.ErrGone)
	n.removePod(id)
	detail, err = client.Sandbox(t.Context(), id)
	require.NoError(t, err)
	require.False(t, detail.Ready)
	_, err = client.Sandbox(t.Context(), "0123456789abcdef")
	require.ErrorIs(t, err, sandbox.ErrGone)

	before := events.Load()
	n.stop()
	require.Eventually(t, func() bool { return !live.Load() }, 30*time.Second, 10*time.Millisecond, "a runtime that is away sends nothing")
	_, err = client.List(t.Context())
	require.ErrorContains(t, err, n.socket)
	n.start()
	require.Eventually(t, func() bool { return live.Load() && events.Load() > before }, time.Minute, 10*time.Millisecond, "and is found again")
	boxes, err = client.List(t.Context())
	require.NoError(t, err)
	require.Len(t, boxes, 2)
}

func TestARuntimeThatDoesNotAnswer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for path, part := range map[string]string{"/nowhere.sock": "no such file", file: "not a socket"} {
		_, err := sandbox.Dial(t.Context(), path)
		require.ErrorContains(t, err, part)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "--cri-socket")
	}
	_, err := sandbox.Dial(t.Context(), "")
	require.ErrorContains(t, err, "/run/containerd/containerd.sock")
	require.ErrorContains(t, err, "/run/crio/crio.sock")
}

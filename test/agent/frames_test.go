//go:build kernel

package agent_test

import (
	"encoding/binary"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
	"data-space.liqo.io/test/kit"
)

const some = 7

// pppoe sends some frames of kind 0x8864 from the namespace's eth0, as AF_PPPOX does without a capability on kernels that have it.
func pppoe(t *testing.T, pod *netns.Namespace) {
	t.Helper()
	frame := append([]byte{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 2, 0x88, 0x64, 0x11, 0}, "a patient's record, for whoever listens"...)
	for range some {
		_ = kit.SendFrame(t, pod, "eth0", func(net.HardwareAddr) []byte { return frame }) // ENOBUFS: it was dropped
	}
}

// arrived is a listener for PPPoE on all links of the node, behind their filters.
func arrived(t *testing.T, k *kept) func(want int) int {
	t.Helper()
	var fd int
	require.NoError(t, k.netns.Do(func(ns.NetNS) (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		require.NoError(t, err)
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, 0x8864))})
	}))
	t.Cleanup(func() { _ = unix.Close(fd) })
	return func(want int) (n int) {
		for end := time.Now().Add(10 * time.Second); ; {
			time.Sleep(50 * time.Millisecond)
			for {
				if _, _, err := unix.Recvfrom(fd, make([]byte, 2048), 0); err != nil {
					break
				}
				n++
			}
			if n >= want || time.Now().After(end) {
				return n
			}
		}
	}
}

// TestFramesOfAForeignPodAreFiltered for as long as it is foreign, and of no other pod.
func TestFramesOfAForeignPodAreFiltered(t *testing.T) {
	k := newKept(t)
	ordinary := k.inside(k.runPod(k.sandboxConfig("hospital", "ordinary")))
	box := k.runPod(k.sandboxConfig("pharma", "app"))
	k.run(k.create(k.sandboxConfig("pharma", "app"), box, apis.ProxyContainerName, 0))
	pod := k.inside(box)
	e := k.endpoint("app", func(e agentapi.EndpointStatus) bool { return e.State == agentapi.Enforced && e.Frames != nil })
	require.Len(t, e.Frames.Node, 1)
	require.Equal(t, []string{"eth0"}, e.Frames.Pod)
	require.Empty(t, e.Frames.Open)

	seen := arrived(t, k)
	pppoe(t, ordinary)
	require.Equal(t, some, seen(some), "of a pod that nobody guards all arrive")
	pppoe(t, pod)
	require.Zero(t, seen(0))
	e = k.endpoint("app", func(e agentapi.EndpointStatus) bool { return e.Frames.Dropped == some })
	require.Equal(t, agentapi.Enforced, e.State)
	require.Eventually(t, func() bool { return len(k.a.told(agent.EventFramesDropped)) == 1 }, 30*time.Second, 10*time.Millisecond)
	require.Contains(t, k.a.told(agent.EventFramesDropped)[0], "7 frames")

	require.NoError(t, pod.Do(func() error {
		return exec.Command("nft", "delete", "table", "netdev", "data-space-frames").Run()
	}))
	require.NoError(t, k.netns.Do(func(ns.NetNS) error {
		return exec.Command("nft", "flush", "table", "netdev", "data-space-frames").Run()
	}))
	require.Eventually(t, func() bool {
		return strings.Contains(strings.Join(k.a.told(agent.EventDriftRepaired), ""), "frame filter")
	}, 30*time.Second, 10*time.Millisecond)
	pppoe(t, pod)
	require.Zero(t, seen(0))

	k.running.stop()
	k.running = startAgent(t, k.node, k.a, k.state)
	k.reaches("app", agentapi.Enforced)
	pppoe(t, pod)
	require.Zero(t, seen(0), "of the next agent")

	k.a.set(func() { // released: the pod itself is still there
		k.a.spaces["pharma"] = nil
		k.a.pods = []workload.Pod{{Namespace: "pharma", Name: "app", UID: "uid-app", HasProxy: true}}
	})
	require.Eventually(t, func() bool { return !strings.Contains(k.netdev(), "data-space") }, 30*time.Second, 20*time.Millisecond)
	pppoe(t, pod)
	require.Equal(t, some, seen(some), "it is a pod like any other now")
}

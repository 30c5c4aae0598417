//go:build kernel

package kit_test

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

func TestPod(t *testing.T) {
	pod := kit.NewPod(t)
	cgroup := kit.NewCgroup(t, "pod", "container")
	inside := kit.NewActor(t, kit.Identity{NS: pod.NS, Cgroup: cgroup, UID: 1303, GID: 1303})
	outside := kit.NewActor(t, kit.Identity{NS: pod.Node})

	t.Run("has its processes where and as whom they were asked for", func(t *testing.T) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", inside.PID()))
		require.NoError(t, err)
		require.Contains(t, string(status), "Uid:\t1303\t1303\t1303\t1303")
		groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", inside.PID()))
		require.NoError(t, err)
		require.Contains(t, strings.Split(string(groups), "\n"), "0::"+cgroup.Path)
	})
	t.Run("reaches its node and what is behind it, over both families, and the capture sees it", func(t *testing.T) {
		capture := pod.Capture(t)
		id, err := outside.Listen(kit.Listen{Network: "tcp", At: netip.MustParseAddrPort("[::]:80"), Echo: "heard "})
		require.NoError(t, err)
		for _, to := range []netip.Addr{kit.NodeV4(), kit.NodeV6(), kit.FarV4(), kit.FarV6()} {
			got, err := inside.Talk(kit.Talk{Dial: kit.Dial{Network: "tcp", To: netip.AddrPortFrom(to, 80)}, Send: "hello"})
			require.NoError(t, err, "%s", to)
			require.Equal(t, "heard hello", got.Text)
			require.NoError(t, inside.Ping(to), "%s", to)
		}
		require.Len(t, outside.Accepted(id), 4)
		seen := map[string]bool{}
		for _, p := range capture.Left() {
			seen[p.Protocol+" "+p.Dst.String()] = true
		}
		for _, want := range []string{"tcp 198.51.100.10:80", "tcp [2001:db8:1::10]:80", "icmp 198.51.100.10:0", "icmp6 [2001:db8:1::10]:0"} {
			require.Contains(t, seen, want)
		}
	})
	t.Run("gives root in a container the capabilities of one, and no more", func(t *testing.T) {
		root := kit.NewActor(t, kit.Identity{NS: pod.NS, Cgroup: cgroup, Keep: kit.ContainerCapabilities()})
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", root.PID()))
		require.NoError(t, err)
		want := 0
		for _, c := range kit.ContainerCapabilities() {
			want |= 1 << c
		}
		require.Contains(t, string(status), fmt.Sprintf("CapEff:\t%016x", want))
	})
}

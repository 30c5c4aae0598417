//go:build kernel

package sockets_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/test/kit"
)

func TestWhatTheSocketsOfAControlGroupHold(t *testing.T) {
	const sent, much, long = 100 << 10, 40 << 10, 30 * time.Second // much fits in a receive window that has not grown
	p, pod := kit.NewPod(t), kit.NewCgroup(t, "pod")
	own, other := pod.Child(t, "proxy"), pod.Child(t, "app")
	node := kit.NewActor(t, kit.Identity{NS: p.Node})
	for port, l := range map[uint16]kit.Listen{80: {Bulk: sent}, 81: {Hold: true}} {
		l.Network, l.At = "tcp", netip.AddrPortFrom(netip.IPv6Unspecified(), port)
		_, err := node.Listen(l)
		require.NoError(t, err)
	}
	dial := func(who *kit.Actor, to netip.Addr, port uint16) int {
		t.Helper()
		id, err := who.Dial(kit.Dial{Network: "tcp", To: netip.AddrPortFrom(to, port)})
		require.NoError(t, err)
		return id
	}
	held := func() []sockets.Held {
		t.Helper()
		all, err := sockets.HeldBy(p.NS, inode(t, own))
		require.NoError(t, err)
		slices.SortFunc(all, func(a, b sockets.Held) int { return int(b.Bytes - a.Bytes) })
		return all
	}
	who := kit.NewActor(t, kit.Identity{NS: p.NS, Cgroup: own})
	stranger := kit.NewActor(t, kit.Identity{NS: p.NS, Cgroup: other})
	require.NoError(t, stranger.Write(dial(stranger, kit.FarV4(), 80), "x"))
	require.Empty(t, held())

	idle := dial(who, kit.FarV4(), 81)
	var full []int
	for _, to := range []netip.Addr{kit.FarV4(), kit.FarV6()} {
		id := dial(who, to, 80)
		require.NoError(t, who.Write(id, "x"))
		full = append(full, id)
	}
	require.Eventually(t, func() bool {
		all := held()
		return len(all) == 3 && all[1].Bytes >= much && all[2].Bytes < much/4
	}, long, 10*time.Millisecond, "two hold what they have received, the third holds little")

	most := held()[:2]
	ended, err := sockets.Reset(p.NS, most)
	require.NoError(t, err)
	require.Equal(t, 2, ended)
	require.Len(t, held(), 1)
	require.ErrorIs(t, sockets.Drain(sockets.Owner{PID: who.PID(), Cgroup: other.Path}), sockets.ErrGone, "it is not the process")
	got, _ := who.Read(full[0], time.Second)
	require.Positive(t, got.Bytes, "what was received stays until it is drained")
	require.NoError(t, sockets.Drain(sockets.Owner{PID: who.PID(), Cgroup: own.Path}))
	got, _ = who.Read(full[1], time.Second)
	require.Zero(t, got.Bytes)
	for _, id := range full {
		require.Error(t, who.Write(id, "still there"))
	}
	require.NoError(t, who.Write(idle, "still there"))

	t.Run("closed with something left to send", func(t *testing.T) {
		id := dial(who, kit.FarV4(), 81)
		require.NoError(t, who.Fill(id))
		require.NoError(t, who.Close(id))
		var all []sockets.Held
		require.Eventually(t, func() bool {
			all = held()
			return len(all) == 2 && all[0].Bytes >= much
		}, long, 10*time.Millisecond)
		ended, err := sockets.Reset(p.NS, all[:1])
		require.NoError(t, err)
		require.Equal(t, 1, ended)
		require.Len(t, held(), 1)
		again, err := sockets.Reset(p.NS, all[:1])
		require.NoError(t, err)
		require.Zero(t, again)
	})
}

func TestConnectionsOfOthersThatHoldNothingAreNotRead(t *testing.T) {
	const many = 6000
	p, pod := kit.NewPod(t), kit.NewCgroup(t, "pod")
	own := inode(t, pod.Child(t, "proxy"))
	require.NoError(t, p.NS.Do(func() error {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // in the pod's namespace, on this thread
		if err != nil {
			return err
		}
		defer l.Close()
		for range many {
			c, err := net.Dial("tcp", l.Addr().String()) //nolint:noctx // as above
			if err != nil {
				return err
			}
			other, err := l.Accept()
			if err != nil {
				return err
			}
			if err := errors.Join(c.Close(), other.Close()); err != nil { // c is in TIME_WAIT then
				return err
			}
		}
		return nil
	}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	all, err := sockets.HeldBy(p.NS, own)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Empty(t, all)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(many*100), "each message of the kernel about one has about 80 bytes, and is copied")
}

func inode(t *testing.T, c kit.Cgroup) uint64 {
	t.Helper()
	info, err := os.Stat(c.Dir)
	require.NoError(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}

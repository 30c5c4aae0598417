//go:build kernel

package sockets_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/test/kit"
)

func TestMarkListeners(t *testing.T) {
	const mark, first, second = 0x77, 13041, 13043
	require.NoError(t, sockets.CheckMarking())
	p, pod := kit.NewPod(t), kit.NewCgroup(t, "pod")
	own, other := pod.Child(t, "proxy"), pod.Child(t, "app")
	proxy := kit.NewActor(t, kit.Identity{NS: p.NS, Cgroup: own, UID: 1303, GID: 1303})
	owner := sockets.Owner{PID: proxy.PID(), Cgroup: own.Path}
	listen := func(who *kit.Actor, network, host string, port uint16) {
		t.Helper()
		_, err := who.Listen(kit.Listen{Network: network, At: netip.AddrPortFrom(netip.MustParseAddr(host), port), Hold: true})
		require.NoError(t, err)
	}
	want := func(ports []uint16, wrote int) {
		t.Helper()
		got, err := sockets.MarkListeners(owner, mark, first, second)
		require.NoError(t, err)
		require.Equal(t, sockets.Marked{Ports: ports, Wrote: wrote}, got)
	}
	want(nil, 0)
	listen(proxy, "udp", "::", first)
	listen(proxy, "tcp", "::", 8080)
	want(nil, 0)
	listen(proxy, "tcp", "::", first)
	want([]uint16{first}, 1)
	want([]uint16{first}, 0)
	listen(proxy, "tcp", "0.0.0.0", second)
	want([]uint16{first, second}, 1)
	want([]uint16{first, second}, 0)

	t.Run("never those of a process of another control group", func(t *testing.T) {
		thief := kit.NewActor(t, kit.Identity{NS: p.NS, Cgroup: other, UID: 1303, GID: 1303})
		got, err := sockets.MarkListeners(sockets.Owner{PID: thief.PID(), Cgroup: own.Path}, mark, first, second)
		require.ErrorIs(t, err, sockets.ErrGone)
		require.Zero(t, got)
		sibling := sockets.Owner{PID: proxy.PID(), Cgroup: own.Path[:len(own.Path)-1]} // a name that the other begins with
		_, err = sockets.MarkListeners(sibling, mark, first)
		require.ErrorIs(t, err, sockets.ErrGone)
	})
	t.Run("of a process that has ended", func(t *testing.T) {
		proxy.Stop()
		_, err := sockets.MarkListeners(owner, mark, first)
		require.ErrorIs(t, err, sockets.ErrGone)
	})
}

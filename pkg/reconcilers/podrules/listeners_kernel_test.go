//go:build kernel

package podrules

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/workload"
	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// proxies are processes that do not listen yet.
func proxies(t *testing.T, n int) ([]*kit.Actor, []endpoint.Target) {
	t.Helper()
	ns, group := kit.NewNamespace(t), kit.NewCgroup(t, "proxy")
	actors, targets := make([]*kit.Actor, n), make([]endpoint.Target, n)
	for i := range n {
		actors[i] = kit.NewActor(t, kit.Identity{NS: ns, Cgroup: group, UID: 1303, GID: 1303})
		targets[i] = endpoint.Target{Sandbox: string(rune('a' + i)), Proxy: workload.Process{PID: actors[i].PID(), Cgroup: group.Path}}
	}
	return actors, targets
}

func running(t *testing.T) *listeners {
	t.Helper()
	l := newListeners(slog.New(slog.DiscardHandler), markAll)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return l
}

func markAll(o sockets.Owner) (sockets.Marked, error) {
	return sockets.MarkListeners(o, redirect.SocketMark, redirect.MarkedPorts()...)
}

func (l *listeners) waits() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

func TestListenersAreMarkedSoonAfterTheProxyListens(t *testing.T) {
	l := running(t)
	actors, targets := proxies(t, 1)
	l.await(targets[0])
	time.Sleep(400 * time.Millisecond) // a proxy takes that long
	for _, port := range redirect.MarkedPorts() {
		_, err := actors[0].Listen(kit.Listen{Network: "tcp", At: netip.AddrPortFrom(netip.IPv6Unspecified(), port)})
		require.NoError(t, err)
	}
	listens := time.Now()
	require.Eventually(t, func() bool { return l.waits() == 0 }, 30*time.Second, time.Millisecond)
	t.Logf("marked %v after the proxy listened", time.Since(listens))
	marked, err := sockets.MarkListeners(owner(targets[0]), redirect.SocketMark, redirect.MarkedPorts()...)
	require.NoError(t, err)
	require.Equal(t, sockets.Marked{Ports: redirect.MarkedPorts()}, marked, "nothing was left to mark")
}

func TestAProxyThatRunsAlreadyIsMarkedAtOnce(t *testing.T) {
	l := newListeners(slog.New(slog.DiscardHandler), markAll) // nothing works in the background
	actors, targets := proxies(t, 1)
	for _, port := range redirect.MarkedPorts() {
		_, err := actors[0].Listen(kit.Listen{Network: "tcp", At: netip.AddrPortFrom(netip.IPv4Unspecified(), port)})
		require.NoError(t, err)
	}
	require.NoError(t, l.check(targets[0]))
	require.Zero(t, l.waits())
}

func TestBetweenTwoLooksAtAProxyNothingIsDone(t *testing.T) {
	l := newListeners(slog.New(slog.DiscardHandler), markAll) // nothing works in the background
	_, targets := proxies(t, 2)
	now := time.Now()
	for i, age := range []time.Duration{time.Hour, 100 * time.Second} {
		l.waiting[targets[i].Sandbox] = listening{owner: owner(targets[i]), since: now.Add(-age), next: now}
	}
	next := l.sweep(now)
	require.GreaterOrEqual(t, next, now.Add(100*time.Second/pausePart), "the younger one's turn is first")
	require.Less(t, next, now.Add(lastPause))
	require.Equal(t, next, l.sweep(now), "no turn has come, so none is moved")
	delete(l.waiting, targets[1].Sandbox)
	require.GreaterOrEqual(t, l.sweep(now), now.Add(lastPause))
	delete(l.waiting, targets[0].Sandbox)
	require.Zero(t, l.sweep(now), "no proxy is waited for")
}

func TestProxiesThatNeverListenAreNotWaitedForOnceTheyEnd(t *testing.T) {
	l := running(t)
	actors, targets := proxies(t, 3)
	for i := range targets {
		require.NoError(t, l.check(targets[i]))
	}
	require.Equal(t, 3, l.waits())
	for _, a := range actors {
		a.Stop()
	}
	require.Eventually(t, func() bool { return l.waits() == 0 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, l.check(targets[0]), "a proxy that has ended is no failure")
	require.Zero(t, l.waits())
}

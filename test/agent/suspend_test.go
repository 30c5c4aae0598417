//go:build kernel

package agent_test

import (
	"context"
	"io"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
	"data-space.liqo.io/test/podcapture"
)

// TestMain: the test binary is also the proxy that has a connection open.
func TestMain(m *testing.M) { kit.Main(m) }

// suspend sets or removes what the controller writes on the namespaces of a suspended guest.
func (k *kept) suspend(suspended bool) {
	k.t.Helper()
	k.a.set(func() {
		labels := maps.Clone(k.a.spaces["pharma"])
		delete(labels, apis.LabelSuspended)
		if suspended {
			labels[apis.LabelSuspended] = "true"
		}
		k.a.spaces["pharma"] = labels
	})
}

// sent counts the TCP packets that leave the pod within the time.
func (k *kept) sent(space *netns.Namespace, from netip.Addr, within time.Duration) int {
	k.t.Helper()
	node, err := netns.Open(k.netns.Path())
	require.NoError(k.t, err)
	defer node.Close()
	capture, err := podcapture.Open(node, space, nil)
	require.NoError(k.t, err)
	defer capture.Close()
	ctx, cancel := context.WithTimeout(k.t.Context(), within)
	defer cancel()
	require.NoError(k.t, capture.Run(ctx))
	count := 0
	for _, p := range capture.Packets {
		if p.Out && p.Src.Addr() == from {
			count++
		}
	}
	return count
}

// far accepts one connection on the node and returns it.
func (k *kept) far() (address netip.AddrPort, accepted <-chan net.Conn) {
	k.t.Helper()
	var l net.Listener
	require.Eventually(k.t, func() bool {
		return k.netns.Do(func(ns.NetNS) (err error) { l, err = net.Listen("tcp", "203.0.113.1:0"); return err }) == nil
	}, 30*time.Second, 50*time.Millisecond, "the node has the address")
	k.t.Cleanup(func() { _ = l.Close() })
	conns := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			conns <- c
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String()), conns
}

// resends bounds the wait for data that was sent while the pod was closed. TCP sends it again after about as long as the pod has been closed
// already, on each side by its own clock.
const resends = 3 * time.Minute

// TestTheConnectionsOfASuspendedGuestFallSilentAndComeBack: of its proxy as well, across a restart of the agent that cannot reach the
// API server, and without a connection's end.
func TestTheConnectionsOfASuspendedGuestFallSilentAndComeBack(t *testing.T) {
	k := newKept(t)
	config := k.sandboxConfig("pharma", "job")
	box := k.runPod(config)
	k.run(k.create(config, box, apis.ProxyContainerName, 0))
	proxy := k.reaches("job", agentapi.Enforced).Proxy
	space := k.inside(box)
	detail, err := k.client.Sandbox(t.Context(), box)
	require.NoError(t, err)
	root, err := podcapture.CgroupRoot()
	require.NoError(t, err)
	address, accepted := k.far()
	actor := kit.NewActor(t, kit.Identity{
		NS: space, UID: uint32(apis.ProxyUID), GID: uint32(apis.ProxyUID), Cgroup: kit.Cgroup{Path: proxy.Cgroup, Dir: filepath.Join(root, proxy.Cgroup)},
	})
	id, err := actor.Dial(kit.Dial{Network: "tcp", To: address})
	require.NoError(t, err)
	far := <-accepted
	defer far.Close()
	arrives := func(text string, within time.Duration) error {
		require.NoError(t, far.SetReadDeadline(time.Now().Add(within)))
		_, err := io.ReadFull(far, make([]byte, len(text)))
		return err
	}
	require.NoError(t, actor.Write(id, "before"))
	require.NoError(t, arrives("before", resends))

	k.suspend(true)
	k.endpoint("job", func(e agentapi.EndpointStatus) bool { return e.State == agentapi.Closed && e.Reason == "Suspended" })
	require.Len(t, k.a.told(agent.EventSuspended), 1)
	require.NoError(t, actor.Write(id, "while"), "the socket takes it")
	_, err = far.Write([]byte("hello"))
	require.NoError(t, err)
	require.Zero(t, k.sent(space, detail.IPs[0], 2*time.Second), "neither data nor an acknowledgement leaves the pod")
	require.Error(t, arrives("while", 100*time.Millisecond))
	_, err = actor.Dial(kit.Dial{Network: "tcp", To: address, Timeout: 500 * time.Millisecond})
	require.Error(t, err, "nor does a new connection")

	k.running.stop()
	k.a.set(func() { k.a.away, k.a.cut = true, true })
	k.running = startAgent(t, k.node, k.a, k.state)
	k.reaches("job", agentapi.Closed)
	require.Zero(t, k.sent(space, detail.IPs[0], 2*time.Second), "an agent that starts without the API server knows it by what it has stored")
	k.a.set(func() { k.a.away, k.a.cut = false, false })
	k.endpoint("job", func(e agentapi.EndpointStatus) bool { return e.State == agentapi.Closed && e.Reason == "Suspended" })

	k.suspend(false)
	k.reaches("job", agentapi.Enforced)
	require.NoError(t, arrives("while", resends), "the connection is where it was: what was sent meanwhile is sent again")
	require.NoError(t, actor.Write(id, "after"))
	require.NoError(t, arrives("after", resends))
	require.Eventually(t, func() bool {
		got, err := actor.Read(id, time.Second)
		return err == nil && got.Text == "hello"
	}, resends, 10*time.Millisecond)
}

//go:build kernel

package netpol

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// guest makes x/a a foreign pod: its namespace holds the whole redirect, and a process with the proxy's identity listens
// where that leads.
func (c *cluster) guest() (proxy, app *kit.Actor) {
	c.t.Helper()
	pod := kit.NewCgroup(c.t, "pod")
	own := pod.Child(c.t, "proxy")
	plan := redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{Cgroup: own.Path, Pod: pod.Path})
	_, err := dataplane.New(c.backend).Enforce(c.t.Context(), c.pods["x/a"], plan)
	require.NoError(c.t, err)
	proxy = kit.NewActor(c.t, kit.Identity{NS: c.pods["x/a"], Cgroup: own, UID: uint32(apis.ProxyUID), GID: uint32(apis.ProxyUID)})
	app = kit.NewActor(c.t, kit.Identity{NS: c.pods["x/a"], Cgroup: pod.Child(c.t, "app"), Keep: kit.ContainerCapabilities()})
	for _, port := range []uint16{apis.PortEgressTCP, apis.PortIngressTCP} {
		_, err := proxy.Listen(kit.Listen{Network: "tcp", At: netip.AddrPortFrom(netip.IPv6Unspecified(), port), Echo: "proxy: "})
		require.NoError(c.t, err)
	}
	_, err = sockets.MarkListeners(sockets.Owner{PID: proxy.PID(), Cgroup: own.Path}, redirect.SocketMark, apis.PortIngressTCP)
	require.NoError(c.t, err)
	return proxy, app
}

// asks reports whether the process gets an answer.
func asks(a *kit.Actor, to netip.Addr, within time.Duration) bool {
	got, err := a.Talk(kit.Talk{Dial: kit.Dial{Network: "tcp", To: netip.AddrPortFrom(to, 80), Timeout: within}, Send: "ping"})
	return err == nil && got.Bytes > 0
}

func TestWhatAForeignPodsRedirectDoesIsNoConcernOfPolicies(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		proxy, app := c.guest()
		c.serve(c.pods["x/b"])
		c.serve(c.pods["x/a"])          // where nobody listens, the redirect has callers refused
		port := func(n uint16) string { // of x/a, for x/b alone
			return fmt.Sprintf(`x/in: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}], ports: [{port: %d}]}]`, n)
		}
		require.True(t, c.reaches(c.pods["y/a"], c.address("x/a"), 80), "by the proxy's ingress")
		c.do(port(80))
		require.True(t, c.reaches(c.pods["x/b"], c.address("x/a"), 80), "the port that was called counts")
		require.False(t, c.reachesBriefly(c.pods["y/a"], c.address("x/a"), 80))
		require.True(t, c.reaches(c.node, c.address("x/a"), 80), "the kubelet's probes")
		c.do(port(apis.PortIngressTCP))
		require.False(t, c.reachesBriefly(c.pods["x/b"], c.address("x/a"), 80), "not the one that the redirect leads to inside")
		require.False(t, c.reachesBriefly(c.pods["x/b"], c.address("x/a"), int(apis.PortIngressTCP)), "which is closed to direct calls")

		c.do("x/in gone")
		require.True(t, asks(proxy, c.address("x/b"), patient))
		require.True(t, asks(app, c.address("x/b"), patient), "the proxy answers")
		c.do(denyEgress)
		require.False(t, asks(proxy, c.address("x/b"), brief), "the proxy's packets are the pod's")
		require.True(t, asks(app, c.address("x/b"), patient), "what the application says to its proxy does not leave the pod")
		require.False(t, asks(proxy, c.of(nodeAddresses), brief))
		c.do(`x/deny-out: podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {pod: b}}}], ports: [{port: 80}]}]`)
		require.True(t, asks(proxy, c.address("x/b"), patient))
		c.do(`x/in: podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: none}}}]}]`)
		require.False(t, asks(proxy, c.address("x/b"), brief), "at its other end it is the pod that calls")
	})
}

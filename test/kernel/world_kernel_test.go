//go:build kernel

package kernel_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/podnet"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// world is a guarded pod with its proxy, an application and the outside.
type world struct {
	kit.Pod
	t       testing.TB
	backend xtables.Backend
	plane   *dataplane.Dataplane
	cgroups cgroups

	proxy *kit.Actor // uid 1303 in its own cgroup
	app   *kit.Actor // root in a container, as the runtime makes it
	node  *kit.Actor // the outside

	ingress []int // the proxy's listeners on 13041
	egress  []int // on 13031
	wire    *kit.Capture
}

// cgroups are the pod's containers'.
type cgroups struct{ pod, proxy, app kit.Cgroup }

// family is what a test needs to know of an address family.
type family struct {
	name                   iptables.Family
	pod, node, far         netip.Addr
	loopback, inner, outer netip.Addr // inner: where the proxy's ingress calls the application from
	protocol               int        // of ICMP
	echo, unreachable      byte
}

func families() []family {
	return []family{
		{iptables.V4, kit.PodV4(), kit.NodeV4(), kit.FarV4(), addr("127.0.0.1"), apis.IngressSourceV4(), addr("0.0.0.0"), 1, 8, 3},
		{iptables.V6, kit.PodV6(), kit.NodeV6(), kit.FarV6(), addr("::1"), apis.IngressSourceV6(), addr("::"), 58, 128, 1},
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

func backends() []xtables.Backend { return []xtables.Backend{xtables.NFT, xtables.Legacy} }

// everywhere runs f for both backends and families; the world is shared by the families of a backend.
func everywhere(t *testing.T, f func(t *testing.T, w *world, f family)) {
	t.Helper()
	t.Parallel()
	for _, b := range backends() {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, b)
			for _, fam := range families() {
				t.Run(string(fam.name), func(t *testing.T) {
					w.wire.Take()
					f(t, w, fam)
				})
			}
		})
	}
}

func newWorld(t *testing.T, b xtables.Backend) *world {
	t.Helper()
	w := &world{Pod: kit.NewPod(t), t: t, backend: b, plane: dataplane.New(b)}
	w.cgroups.pod = kit.NewCgroup(t, "pod")
	w.cgroups.proxy, w.cgroups.app = w.cgroups.pod.Child(t, "proxy"), w.cgroups.pod.Child(t, "app")
	w.enforce(w.bound())
	_, err := podnet.Prepare(w.NS)
	require.NoError(t, err)
	w.proxy = kit.NewActor(t, w.identity(uint32(apis.ProxyUID), w.cgroups.proxy))
	w.app = kit.NewActor(t, kit.Identity{NS: w.NS, Cgroup: w.cgroups.app, Keep: kit.ContainerCapabilities()})
	w.node = kit.NewActor(t, kit.Identity{NS: w.Node})
	w.serve()
	for _, port := range []uint16{1, 80, 8081, 65535} { // what nobody listens on does not reach the proxy
		w.listen(w.app, kit.Listen{Network: "tcp", At: at(addr("::"), port), Echo: "past the proxy "})
	}
	w.listen(w.node, kit.Listen{Network: "tcp", At: at(addr("::"), 80), Echo: "outside "})
	for _, port := range []uint16{9, 53} {
		for _, a := range []netip.Addr{kit.NodeV4(), kit.NodeV6(), kit.FarV4(), kit.FarV6()} {
			w.listen(w.node, kit.Listen{Network: "udp", At: at(a, port), Echo: fmt.Sprintf("outside %d ", port)})
		}
	}
	w.wire = w.Capture(t)
	return w
}

// serve makes the proxy listen where Envoy does.
func (w *world) serve() {
	w.listen(w.proxy, kit.Listen{Network: "tcp", At: at(addr("::"), apis.PortReady), Echo: "ready "})
	w.serveIngress(kit.Listen{Reuse: true, Echo: "ingress "})
	w.egress = nil
	for _, f := range families() {
		w.egress = append(w.egress, w.listen(w.proxy, kit.Listen{Network: "tcp", At: at(f.loopback, apis.PortEgressTCP), Reuse: true, Echo: "egress "}))
		w.listen(w.proxy, kit.Listen{Network: "tcp", At: at(f.loopback, apis.PortEgressHTTP), Echo: "explicit "})
		w.listen(w.proxy, kit.Listen{Network: "udp", At: at(f.loopback, apis.PortDNS), Echo: "dns "})
	}
}

// serveIngress makes the proxy listen on the port of its ingress in this way only, and marks its listeners as the agent does.
func (w *world) serveIngress(l kit.Listen) {
	w.t.Helper()
	for _, id := range w.ingress {
		_ = w.proxy.StopListening(id) // it may be that of a proxy that has ended
	}
	l.Network, l.At = "tcp", at(addr("::"), apis.PortIngressTCP)
	w.ingress = []int{w.listen(w.proxy, l)}
	w.mark()
}

func (w *world) mark() {
	w.t.Helper()
	marked, err := sockets.MarkListeners(sockets.Owner{PID: w.proxy.PID(), Cgroup: w.cgroups.proxy.Path}, redirect.SocketMark, redirect.MarkedPorts()...)
	require.NoError(w.t, err)
	require.Equal(w.t, redirect.MarkedPorts(), marked.Ports)
}

func (w *world) listen(a *kit.Actor, l kit.Listen) int {
	w.t.Helper()
	id, err := a.Listen(l)
	require.NoError(w.t, err, "%v", l)
	return id
}

// identity is a user without capabilities in one of the pod's cgroups.
func (w *world) identity(uid uint32, c kit.Cgroup) kit.Identity {
	return kit.Identity{NS: w.NS, Cgroup: c, UID: uid, GID: uid}
}

func (w *world) bound() []iptables.Ruleset {
	return redirect.Plan(redirect.Settings{IPv6: true}, w.exempt())
}

func (w *world) exempt() redirect.Proxy {
	return redirect.Proxy{Cgroup: w.cgroups.proxy.Path, Pod: w.cgroups.pod.Path}
}

func unbound() []iptables.Ruleset {
	return redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{})
}

func (w *world) enforce(desired []iptables.Ruleset) {
	w.t.Helper()
	_, err := w.plane.Enforce(context.Background(), w.NS, desired)
	require.NoError(w.t, err)
}

// count is how many packets a rule has matched.
func (w *world) count(f family, comment string) uint64 {
	w.t.Helper()
	state, err := w.plane.Observe(context.Background(), w.NS, w.bound())
	require.NoError(w.t, err)
	var n uint64
	for _, set := range state.Rulesets {
		if set.Family != f.name {
			continue
		}
		for _, table := range set.Tables {
			for _, chain := range table.Chains {
				for _, r := range chain.Rules {
					if r.Comment == comment {
						n = r.Count.Packets
					}
				}
			}
		}
	}
	return n
}

// requireNothingLeft: the pod has sent nothing but neighbour discovery since the capture was last looked at.
func (w *world) requireNothingLeft(t *testing.T) {
	t.Helper()
	require.Empty(t, w.wire.Left())
}

// original is what the newest connection of a listener was meant for.
func original(a *kit.Actor, listeners []int, heard string) (netip.AddrPort, bool) {
	for _, l := range listeners {
		for _, c := range a.Accepted(l) {
			if c.Heard == heard {
				return c.Original, true
			}
		}
	}
	return netip.AddrPort{}, false
}

// unique makes a message by which a connection is known.
func unique(t *testing.T, text string) string { return text + " of " + t.Name() }

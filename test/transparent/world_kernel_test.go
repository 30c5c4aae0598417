//go:build kernel || transparent

package transparent

import (
	"context"
	"net/netip"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/podnet"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

// world is four pods on one link.
type world struct {
	ordinary *place           // no rules, no proxy
	foreign  *place           // guarded, with its proxy
	guest    *place           // a second foreign pod
	server   *place           // no rules, no proxy; the other pods' DNS server has its addresses
	hub      *netns.Namespace // of the link
}

// place is a pod.
type place struct {
	name     string
	t        *testing.T
	ns       *netns.Namespace
	v4, v6   netip.Addr
	pod, app kit.Cgroup
	proxy    *proxy // nil: an ordinary pod
}

// newWorld makes the four pods, with proxies whose codec parses HTTP. They pass connections to the opaque ports on as bytes.
func newWorld(t *testing.T, opaque ...uint16) *world {
	t.Helper()
	return newWorldWith(t, envoy.Settings{OpaquePorts: opaque})
}

// newWorldWith makes the four pods, with proxies of some settings.
func newWorldWith(t *testing.T, settings envoy.Settings) *world {
	t.Helper()
	hub := kit.NewNamespace(t)
	within(t, hub, func() {
		require.NoError(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "hub"}}))
		up(t, "hub")
	})
	w := &world{
		ordinary: newPlace(t, hub, "ordinary", 11), server: newPlace(t, hub, "server", 12),
		foreign: newPlace(t, hub, "foreign", 13), guest: newPlace(t, hub, "guest", 14), hub: hub,
	}
	for _, p := range []*place{w.foreign, w.guest} {
		p.guard(w.server, settings)
	}
	return w
}

// newPlace makes a pod with the addresses 203.0.113.NUMBER and 2001:db8::NUMBER (RFC 5737, RFC 3849).
func newPlace(t *testing.T, hub *netns.Namespace, name string, number byte) *place {
	t.Helper()
	p := &place{
		name: name, t: t, ns: kit.NewNamespace(t), v4: netip.AddrFrom4([4]byte{203, 0, 113, number}),
		v6: netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: number}),
	}
	p.pod = kit.NewCgroup(t, name)
	p.app = p.pod.Child(t, "app")
	var fd int
	within(t, p.ns, func() {
		var err error
		fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		require.NoError(t, err)
	})
	defer unix.Close(fd)
	within(t, hub, func() {
		bridge, err := netlink.LinkByName("hub")
		require.NoError(t, err)
		require.NoError(t, netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: name, MTU: 1500, MasterIndex: bridge.Attrs().Index}, PeerName: "eth0", PeerNamespace: netlink.NsFd(fd),
		}))
		up(t, name)
	})
	within(t, p.ns, func() {
		up(t, "lo")
		for _, a := range []netip.Prefix{netip.PrefixFrom(p.v4, 24), netip.PrefixFrom(p.v6, 64)} {
			link, err := netlink.LinkByName("eth0")
			require.NoError(t, err)
			address, err := netlink.ParseAddr(a.String())
			require.NoError(t, err)
			if a.Addr().Is6() {
				address.Flags = unix.IFA_F_NODAD // usable at once
			}
			require.NoError(t, netlink.AddrAdd(link, address))
		}
		up(t, "eth0")
	})
	return p
}

// guard makes the pod a foreign one: the agent's rules, and the proxy, which asks dns for names.
func (p *place) guard(dns *place, settings envoy.Settings) {
	p.t.Helper()
	box := p.pod.Child(p.t, "proxy")
	_, err := podnet.Prepare(p.ns)
	require.NoError(p.t, err)
	rules := redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{Cgroup: box.Path, Pod: p.pod.Path})
	_, err = dataplane.New(xtables.NFT).Enforce(context.Background(), p.ns, rules)
	require.NoError(p.t, err)
	p.startProxy(box, dns, settings)
}

// command prepares a program that runs in the pod, as in the application's container. Start it with start.
func (p *place) command(name string, args ...string) *exec.Cmd {
	p.t.Helper()
	return p.app.Command(p.t, name, args...)
}

// start starts what command has prepared. It is killed at the test's end.
func (p *place) start(command *exec.Cmd) {
	p.t.Helper()
	require.NoError(p.t, p.ns.Do(command.Start))
	p.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait() // again, where the test has waited: an error that does no harm
	})
}

// output runs a program in the pod to its end and returns what it printed on stdout and stderr.
func (p *place) output(name string, args ...string) (string, error) {
	p.t.Helper()
	var out []byte
	err := p.ns.Do(func() error {
		var err error
		out, err = p.command(name, args...).CombinedOutput()
		return err
	})
	return string(out), err
}

// within runs f inside a namespace; f may end the test.
func within(t *testing.T, ns *netns.Namespace, f func()) {
	t.Helper()
	require.NoError(t, ns.Do(func() error { f(); return nil }))
	if t.Failed() {
		t.FailNow()
	}
}

func up(t *testing.T, name string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(link))
}

//go:build kernel

package netpol

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/netpol/scenarios"
	"data-space.liqo.io/test/netpol/worlds"
)

// cluster is a node with real pods: network namespaces with sockets, behind interfaces of their own (ptp) or a bridge.
// Outside is a remote node, with an address of its own.
type cluster struct {
	t       testing.TB
	node    *netns.Namespace
	pods    map[string]*netns.Namespace // by name, as in scenarios.Names
	outside *netns.Namespace
	backend xtables.Backend
	filter  *nodefilter.Filter
	index   *netpol.Index
	v6      bool
}

var (
	gateways    = []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8:1::1")}
	remoteNodes = []netip.Addr{netip.MustParseAddr("198.51.100.2"), netip.MustParseAddr("2001:db8:2::2")}
	services    = []netip.Addr{netip.MustParseAddr("192.0.2.80"), netip.MustParseAddr("2001:db8:3::80")}
)

// newCluster makes pods x/a, x/b and y/a of scenarios.Names and writes the filter of a cluster without policies.
func newCluster(tb testing.TB, backend xtables.Backend, bridge bool, s netpol.Settings) *cluster {
	tb.Helper()
	c := &cluster{t: tb, node: scratch(tb), outside: scratch(tb), pods: map[string]*netns.Namespace{}, backend: backend}
	c.in(c.node, sysctls("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1", "net/ipv6/conf/default/accept_dad=0"))
	c.in(c.node, func() error { return up("lo", nodeAddresses...) })
	if bridge {
		c.in(c.node, func() error {
			if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "cni0"}}); err != nil {
				return err
			}
			return upWide("cni0", gateways...)
		})
	}
	for _, name := range []string{"x/a", "x/b", "y/a"} {
		c.pods[name] = scratch(tb)
		c.connect(c.pods[name], "veth"+strings.ReplaceAll(name, "/", ""), addressesOf(name), bridge)
	}
	c.connect(c.outside, "outside", remoteNodes, false)
	c.settle()
	c.begin(s)
	return c
}

// begin writes the filter of a cluster without policies.
func (c *cluster) begin(s netpol.Settings) {
	c.t.Helper()
	s.Node, s.IPv6 = worlds.Node, true
	c.index = netpol.New(s)
	c.index.Apply(worlds.Changes(c.t, scenarios.Start())...)
	c.filter = nodefilter.New(c.node, c.backend)
	c.converge()
}

// settle waits until every namespace and the node have found each other: a first neighbour solicitation may be lost, and
// the kernel asks again only after a second.
func (c *cluster) settle() {
	c.t.Helper()
	ends := map[*netns.Namespace][]netip.Addr{c.outside: remoteNodes}
	for name, ns := range c.pods {
		ends[ns] = addressesOf(name)
	}
	for ns, addresses := range ends {
		for i, gateway := range gateways {
			require.Eventually(c.t, func() bool {
				_, there := dial(ns, gateway, 9, brief)
				_, back := dial(c.node, addresses[i], 9, brief)
				return refused(there) && refused(back)
			}, 30*time.Second, 10*time.Millisecond, "%s does not answer", gateway)
		}
	}
}

func addressesOf(name string) []netip.Addr {
	for i, n := range scenarios.Names() {
		if n == name {
			return []netip.Addr{worlds.Address4(i), worlds.Address6(i)}
		}
	}
	return nil
}

func (c *cluster) in(ns *netns.Namespace, f func() error) {
	c.t.Helper()
	require.NoError(c.t, ns.Do(f))
}

func sysctls(settings ...string) func() error {
	return func() error {
		for _, s := range settings {
			name, value, _ := strings.Cut(s, "=")
			if err := write("/proc/sys/"+name, value); err != nil {
				return err
			}
		}
		return nil
	}
}

// up gives the interface these addresses, as single ones.
func up(name string, addresses ...netip.Addr) error {
	return upBits(name, []int{32, 128}, addresses)
}

func upWide(name string, addresses ...netip.Addr) error {
	return upBits(name, []int{24, 64}, addresses)
}

func upBits(name string, bits []int, addresses []netip.Addr) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	for i, a := range addresses {
		network := &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits[i], a.BitLen())}
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: network, Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("%s: address %s: %w", name, a, err)
		}
	}
	return nil
}

// connect gives a namespace eth0 with these addresses, as the ptp plugin does, or as the bridge plugin does.
func (c *cluster) connect(ns *netns.Namespace, host string, addresses []netip.Addr, bridge bool) {
	c.t.Helper()
	var fd int
	c.in(ns, sysctls("net/ipv6/conf/default/accept_dad=0"))
	c.in(ns, func() (err error) {
		fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		return err
	})
	defer unix.Close(fd)
	c.in(c.node, func() error {
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: host}, PeerName: "eth0", PeerNamespace: netlink.NsFd(fd)}
		if err := netlink.LinkAdd(pair); err != nil {
			return err
		}
		if bridge {
			if err := up(host); err != nil {
				return err
			}
			cni, err := netlink.LinkByName("cni0")
			if err != nil {
				return err
			}
			link, err := netlink.LinkByName(host)
			if err != nil {
				return err
			}
			return netlink.LinkSetMaster(link, cni)
		}
		if err := up(host, gateways...); err != nil {
			return err
		}
		return routes(host, addresses)
	})
	c.in(ns, func() error {
		if err := up("lo"); err != nil {
			return err
		}
		if bridge {
			if err := upWide("eth0", addresses...); err != nil {
				return err
			}
			return defaults("eth0")
		}
		if err := up("eth0", addresses...); err != nil {
			return err
		}
		if err := routes("eth0", gateways); err != nil {
			return err
		}
		return defaults("eth0")
	})
}

func routes(name string, addresses []netip.Addr) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(a), Scope: netlink.SCOPE_LINK}); err != nil {
			return fmt.Errorf("route to %s: %w", a, err)
		}
	}
	return nil
}

func defaults(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, g := range gateways {
		all := &net.IPNet{IP: make([]byte, g.BitLen()/8), Mask: net.CIDRMask(0, g.BitLen())}
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: all, Gw: g.AsSlice()}); err != nil {
			return fmt.Errorf("default route by %s: %w", g, err)
		}
	}
	return nil
}

// do makes changes, written as in scenarios.Step, and has them enforced.
func (c *cluster) do(text string) {
	c.t.Helper()
	require.NoError(c.t, c.filter.Apply(context.Background(), c.index.Apply(c.changes(text)...)))
}

func (c *cluster) changes(text string) []netpol.Change {
	c.t.Helper()
	events, err := scenarios.Step{Do: text}.Events(c.v6)
	require.NoError(c.t, err)
	return worlds.Changes(c.t, events)
}

func (c *cluster) converge() []nodefilter.Finding {
	c.t.Helper()
	findings, err := c.filter.Converge(context.Background(), c.index.State())
	require.NoError(c.t, err)
	return findings
}

func (c *cluster) cut() int {
	c.t.Helper()
	n, err := c.filter.Cut(c.index.Allowed, families()...)
	require.NoError(c.t, err)
	return n
}

// run runs a program in the node's namespace.
func (c *cluster) run(name string, args ...string) string {
	c.t.Helper()
	var out []byte
	c.in(c.node, func() (err error) {
		cmd := exec.Command(name, args...)
		out, err = cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s %v: %w: %s", name, args, err, out)
		}
		return err
	})
	return string(out)
}

// table runs the iptables program of the cluster's family.
func (c *cluster) table(args ...string) string {
	c.t.Helper()
	return c.run(c.program(""), args...)
}

func (c *cluster) program(verb string) string {
	name := "iptables-"
	if c.v6 {
		name = "ip6tables-"
	}
	return name + string(c.backend) + verb
}

// address is the pod's in the family that is tried.
func (c *cluster) address(name string) netip.Addr { return c.of(addressesOf(name)) }

func (c *cluster) of(pair []netip.Addr) netip.Addr {
	if c.v6 {
		return pair[1]
	}
	return pair[0]
}

func (c *cluster) family() iptables.Family {
	if c.v6 {
		return iptables.V6
	}
	return iptables.V4
}

// serve echoes what it gets on TCP port 80.
func (c *cluster) serve(ns *netns.Namespace) {
	c.t.Helper()
	var l net.Listener
	c.in(ns, func() (err error) {
		l, err = net.Listen("tcp", ":80")
		return err
	})
	c.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
}

// patient is how long a connection may take that must come, and brief how long one is tried that must not.
const patient, brief = 20 * time.Second, 700 * time.Millisecond

// dial opens a TCP connection from a namespace.
func dial(ns *netns.Namespace, to netip.Addr, port int, within time.Duration) (net.Conn, error) {
	var conn net.Conn
	err := ns.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp", netip.AddrPortFrom(to, uint16(port)).String(), within)
		return err
	})
	return conn, err
}

// reaches reports whether a TCP connection can be opened and used.
func (c *cluster) reaches(ns *netns.Namespace, to netip.Addr, port int) bool {
	c.t.Helper()
	return connects(ns, to, port, patient)
}

// reachesBriefly is reaches for a connection that must not come.
func (c *cluster) reachesBriefly(ns *netns.Namespace, to netip.Addr, port int) bool {
	c.t.Helper()
	return connects(ns, to, port, brief)
}

func connects(ns *netns.Namespace, to netip.Addr, port int, within time.Duration) bool {
	conn, err := dial(ns, to, port, within)
	if err != nil {
		return false
	}
	defer conn.Close()
	return echoes(conn, within) == nil
}

func echoes(conn net.Conn, within time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("ping")); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 4))
	return err
}

// each runs a test for both backends and families.
func each(t *testing.T, s netpol.Settings, test func(t *testing.T, c *cluster)) {
	t.Helper()
	for _, backend := range backends() {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, IPv6 %t", backend, v6), func(t *testing.T) {
				c := newCluster(t, backend, false, s)
				c.v6 = v6
				test(t, c)
			})
		}
	}
}

// eachAlone runs a test that sends nothing, for both backends and families, on a node without pods.
func eachAlone(t *testing.T, test func(t *testing.T, c *cluster)) {
	t.Helper()
	for _, backend := range backends() {
		for _, v6 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, IPv6 %t", backend, v6), func(t *testing.T) {
				c := &cluster{t: t, node: scratch(t), backend: backend, v6: v6}
				c.begin(netpol.Settings{})
				test(t, c)
			})
		}
	}
}

func refused(err error) bool {
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ECONNRESET)
}

// runIn runs a program in a namespace.
func runIn(tb testing.TB, ns *netns.Namespace, input string, command ...string) {
	tb.Helper()
	require.NoError(tb, ns.Do(func() error {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stdin = strings.NewReader(input)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", command, err, out)
		}
		return nil
	}))
}

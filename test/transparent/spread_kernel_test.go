//go:build kernel

package transparent

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
)

// service is a Service with two backends, of one address family.
type service struct {
	ip, gateway netip.Addr
	backends    [2]netip.Addr
}

const servicePort, backendPort = 80, 8080

// TestClientsSpreadOverTheBackendsOfAService: each client's connection is one connection of its own behind the proxy, so that it gets the
// backend that it gets without a proxy, and keeps it. The rules choose backends in turn, where kube-proxy's choose at random: without a
// proxy, half of the connections land on each. A SYN that the kernel drops while it looks up a neighbour is sent again and takes a second
// turn, so a few may land on the other.
func TestClientsSpreadOverTheBackendsOfAService(t *testing.T) {
	w := newWorld(t)
	for _, p := range []*place{w.server, w.guest} {
		p.listen(backendPort, func(c net.Conn) { names(c, p.name) })
	}
	for _, s := range []service{
		{netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("203.0.113.1"), [2]netip.Addr{w.server.v4, w.guest.v4}},
		{netip.MustParseAddr("2001:db8:5::1"), netip.MustParseAddr("2001:db8::1"), [2]netip.Addr{w.server.v6, w.guest.v6}},
	} {
		w.provide(t, s)
		address := net.JoinHostPort(s.ip.String(), fmt.Sprint(servicePort))
		for _, client := range []*place{w.ordinary, w.foreign} {
			for name, kept := range map[string]bool{"one after the other": false, "at the same time": true} {
				landed := client.spread(t, address, kept)
				require.Equal(t, 20, landed[w.server.name]+landed[w.guest.name], "%s to %s, %s: %v", client.name, address, name, landed)
				require.InDelta(t, 10, landed[w.server.name], 3, "%s to %s, %s: %v", client.name, address, name, landed)
			}
		}
		require.Eventually(t, func() bool {
			return strings.Contains(w.foreign.proxy.stderr.String()+w.foreign.proxy.stdout.String(), address)
		}, waitLong, waitStep, "the connections to %s passed the proxy", address)
	}
}

// names answers each request of a connection with a name.
func names(c net.Conn, name string) {
	requests := bufio.NewReader(c)
	for {
		_ = c.SetReadDeadline(time.Now().Add(3 * waitLong))
		if _, err := http.ReadRequest(requests); err != nil {
			return
		}
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(name), name)
	}
}

// spread makes 20 connections, and returns how many landed on each backend.
func (p *place) spread(t *testing.T, address string, kept bool) map[string]int {
	t.Helper()
	landed, open := map[string]int{}, map[net.Conn]string{}
	for range 20 {
		c, err := p.dial(address)
		require.NoError(t, err)
		backend := backendOf(t, c)
		landed[backend]++
		if kept {
			open[c] = backend
		} else {
			require.NoError(t, c.Close())
		}
	}
	for c, backend := range open {
		require.Equal(t, backend, backendOf(t, c), "a connection stays with its backend")
		require.NoError(t, c.Close())
	}
	return landed
}

// backendOf asks the backend of a connection for its name.
func backendOf(t *testing.T, c net.Conn) string {
	t.Helper()
	require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: service\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	name, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(name)
}

// provide makes the pods' link forward the Service's connections as a node with kube-proxy does.
func (w *world) provide(t *testing.T, s service) {
	t.Helper()
	command, forwarding, bits := "iptables", "/proc/sys/net/ipv4/ip_forward", 24
	if s.ip.Is6() {
		command, forwarding, bits = "ip6tables", "/proc/sys/net/ipv6/conf/all/forwarding", 64
	}
	script := fmt.Sprintf("ip addr add %s/%d dev hub", s.gateway, bits)
	if s.ip.Is6() {
		script += " nodad"
	}
	for i, backend := range s.backends {
		match := " -m statistic --mode nth --every 2 --packet 0"
		if i > 0 {
			match = ""
		}
		script += fmt.Sprintf("\n%s -w -t nat -A PREROUTING -p tcp -d %s --dport %d%s -j DNAT --to-destination %s", command, s.ip, servicePort, match,
			netip.AddrPortFrom(backend, backendPort))
	}
	script += fmt.Sprintf("\n%s -w -t nat -A POSTROUTING -p tcp --dport %d -j MASQUERADE", command, backendPort)
	within(t, w.hub, func() {
		require.NoError(t, os.WriteFile(forwarding, []byte("1"), 0o600))
		out, err := exec.Command("sh", "-ec", script).CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
	for _, p := range []*place{w.ordinary, w.foreign} {
		within(t, p.ns, func() {
			require.NoError(t, netlink.RouteAdd(&netlink.Route{
				Dst: &net.IPNet{IP: s.ip.AsSlice(), Mask: net.CIDRMask(s.ip.BitLen(), s.ip.BitLen())}, Gw: s.gateway.AsSlice(),
			}))
		})
	}
}

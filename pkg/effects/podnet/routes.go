package podnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/values/apis"
)

// routes makes the ingress' addresses local in the calling thread's network namespace, and returns what it added. A route and not an
// address of lo: programs that list the addresses of interfaces to learn which callers are local do not find it.
func routes() (added []string, err error) {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return nil, fmt.Errorf("find lo: %w", err)
	}
	addresses := []netip.Addr{apis.IngressSourceV4()}
	if hasIPv6() {
		addresses = append(addresses, apis.IngressSourceV6())
	}
	for _, a := range addresses {
		err := netlink.RouteAdd(&netlink.Route{
			Dst:       &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())},
			LinkIndex: lo.Attrs().Index, Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST, Protocol: unix.RTPROT_STATIC,
		})
		switch {
		case errors.Is(err, unix.EEXIST):
		case err != nil:
			return added, fmt.Errorf("add route local %s dev lo: %w", a, err)
		default:
			added = append(added, fmt.Sprintf("route local %s dev lo added", a))
		}
	}
	return added, nil
}

// hasIPv6 reports whether lo of the calling thread's network namespace has IPv6.
func hasIPv6() bool {
	off, err := os.ReadFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
	return err == nil && strings.TrimSpace(string(off)) == "0"
}

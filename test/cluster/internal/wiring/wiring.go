// Package wiring connects the lab's machines: a bridge, a cable to each machine, addresses and routes.
package wiring

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/test/cluster/internal/plan"
)

const (
	bridgeName = "lab0"
	// Wire is the name of every machine's interface.
	Wire = "eth0"
)

// network is one machine's network namespace, open for changes.
type network struct {
	*netlink.Handle
	ns netns.NsHandle
}

// open gives access to the network namespace of pid.
func open(pid int) (*network, error) {
	ns, err := netns.GetFromPid(pid)
	if err != nil {
		return nil, fmt.Errorf("network namespace of pid %d: %w", pid, err)
	}
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		_ = ns.Close()
		return nil, fmt.Errorf("netlink in the network namespace of pid %d: %w", pid, err)
	}
	return &network{h, ns}, nil
}

func (n *network) close() {
	n.Close()
	_ = n.ns.Close()
}

// Switch makes the bridge in the network namespace of pid.
func Switch(pid int) error {
	n, err := open(pid)
	if err != nil {
		return err
	}
	defer n.close()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := n.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add bridge %s: %w", bridgeName, err)
	}
	if err := n.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bridge %s up: %w", bridgeName, err)
	}
	return nil
}

// Join plugs the machine m, whose first process is pid, into the switch and gives it its addresses and routes.
func Join(lab plan.Lab, m plan.Machine, switchPid, pid int) error {
	if err := plug(m.Name, switchPid, pid); err != nil {
		return fmt.Errorf("plug %s in: %w", m.Name, err)
	}
	n, err := open(pid)
	if err != nil {
		return err
	}
	defer n.close()
	lo, err := n.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("%s: loopback: %w", m.Name, err)
	}
	wire, err := n.LinkByName(Wire)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", m.Name, Wire, err)
	}
	for _, link := range []netlink.Link{lo, wire} {
		if err := n.LinkSetUp(link); err != nil {
			return fmt.Errorf("%s: %s up: %w", m.Name, link.Attrs().Name, err)
		}
	}
	for _, a := range []netip.Prefix{m.IPv4, m.IPv6} {
		addr := &netlink.Addr{IPNet: ipNet(a.Addr(), a.Bits()), Flags: unix.IFA_F_NODAD}
		if err := n.AddrAdd(wire, addr); err != nil {
			return fmt.Errorf("%s: add address %s: %w", m.Name, a, err)
		}
	}
	return n.route(lab.Routes(m), wire, m.Name)
}

// plug lays a cable: one end in the bridge, the other in the machine.
func plug(name string, switchPid, pid int) error {
	n, err := open(switchPid)
	if err != nil {
		return err
	}
	defer n.close()
	bridge, err := n.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", bridgeName, err)
	}
	cable := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: name, MasterIndex: bridge.Attrs().Index},
		PeerName:      Wire,
		PeerNamespace: netlink.NsPid(pid),
	}
	if err := n.LinkAdd(cable); err != nil {
		return fmt.Errorf("add veth: %w", err)
	}
	if err := n.LinkSetUp(cable); err != nil {
		return fmt.Errorf("veth up: %w", err)
	}
	return nil
}

func (n *network) route(routes []plan.Route, wire netlink.Link, name string) error {
	for _, r := range routes {
		route := &netlink.Route{LinkIndex: wire.Attrs().Index, Dst: ipNet(r.To.Addr(), r.To.Bits())}
		if r.Via.IsValid() {
			route.Gw = r.Via.AsSlice()
		} else {
			route.Scope = netlink.SCOPE_LINK
		}
		if err := n.RouteAdd(route); err != nil {
			return fmt.Errorf("%s: add route to %s: %w", name, r.To, err)
		}
	}
	return nil
}

func ipNet(addr netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(bits, addr.BitLen())}
}

package hostlink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/netns"
)

// errLoose means that a link of the pod has no other end on this node where a wall could stand.
var errLoose = errors.New("it has no other end on this node")

// link is a link by which frames leave the pod's namespace.
type link struct {
	inside netlink.Link // as the pod sees it
	end    netlink.Link // the node's end; nil: it has none here
	why    error        // why it has none: errors.Is errLoose
}

// links finds every link by which frames leave the pod's namespace, and the node's ends of these.
func (h *Host) links(pod *netns.Namespace) (found []link, err error) {
	var inside []netlink.Link
	if err := pod.Do(func() (err error) { inside, err = netlink.LinkList(); return err }); err != nil {
		return nil, fmt.Errorf("list the links of the pod: %w", err)
	}
	there, err := pod.NumberOf(h.node)
	if err != nil {
		return nil, err
	}
	here, err := h.node.NumberOf(pod)
	if err != nil {
		return nil, err
	}
	for _, l := range inside {
		if !leaves(l) {
			continue
		}
		end, err := h.end(l, there, here)
		if err != nil {
			err = fmt.Errorf("link %s (%s) of the pod: %w", l.Attrs().Name, l.Type(), err)
		}
		found = append(found, link{l, end, err})
	}
	return found, nil
}

// ends returns the node's end of every link by which frames leave the pod's namespace. A link without an end on this node is set
// down inside the pod, and the error names it: errors.Is errLoose.
func (h *Host) ends(pod *netns.Namespace) (ends []netlink.Link, err error) {
	found, err := h.links(pod)
	if err != nil {
		return nil, err
	}
	var problems error
	for _, l := range found {
		if l.end != nil {
			ends = append(ends, l.end)
			continue
		}
		problems = errors.Join(problems, l.why, pod.Do(func() error { return netlink.LinkSetDown(l.inside) }))
	}
	return ends, problems
}

// leaves reports whether what is sent on the link leaves the namespace: its other end or what it stands on is in another
// one, or it is a device, or a program that may be anywhere holds its other end. All others send by those.
func leaves(l netlink.Link) bool {
	a := l.Attrs()
	if a.Flags&net.FlagLoopback != 0 {
		return false
	}
	return a.NetNsID >= 0 || l.Type() == "device" || l.Type() == "tuntap" || l.Type() == "tun"
}

// end is the node's end of a veth: each names the other by number, and their namespaces.
func (h *Host) end(l netlink.Link, there, here int) (end netlink.Link, err error) {
	a := l.Attrs()
	if l.Type() != "veth" || a.NetNsID != there || there < 0 || here < 0 {
		return nil, errLoose
	}
	err = h.node.Do(func() (err error) { end, err = netlink.LinkByIndex(a.ParentIndex); return err })
	if err != nil {
		return nil, errors.Join(errLoose, err)
	}
	if b := end.Attrs(); end.Type() != "veth" || b.ParentIndex != a.Index || b.NetNsID != here {
		return nil, errLoose
	}
	return end, nil
}

// taken reports whether another data plane (XDP, tc, BPF of the CNI plugin, another switch) may process the link's frames before
// a chain of ours, or forwards them by its own rules.
func (h *Host) taken(end netlink.Link) (by string, err error) {
	if xdp := end.Attrs().Xdp; xdp != nil && xdp.Attached {
		return "XDP", nil
	}
	err = h.node.Do(func() error {
		disciplines, err := netlink.QdiscList(end)
		if err != nil {
			return fmt.Errorf("queueing disciplines of %s: %w", end.Attrs().Name, err)
		}
		for _, q := range disciplines {
			if q.Type() == "ingress" || q.Type() == "clsact" {
				by = q.Type()
				return nil
			}
		}
		if in, _ := TCX(end.Attrs().Index); in {
			by = "tcx"
			return nil
		}
		by, err = switchOf(end)
		return err
	})
	return by, err
}

// switchOf returns the kind of the switch that the link is a port of; "" if there is none or it is the kernel's bridge.
func switchOf(end netlink.Link) (string, error) {
	index := end.Attrs().MasterIndex
	if index == 0 {
		return "", nil
	}
	master, err := netlink.LinkByIndex(index)
	if err != nil {
		return "", fmt.Errorf("the master of %s: %w", end.Attrs().Name, err)
	}
	if master.Type() == "bridge" {
		return "", nil
	}
	return master.Type(), nil
}

// view returns how the node sees the pod over a link. The node sends from the source addresses of its routes, and in IPv6 from its
// addresses on the link after duplicate address detection (RFC 4862). The first pods of a node start before that has ended.
func (h *Host) view(end netlink.Link, pod []netip.Addr) (quarantine.Link, error) {
	v := quarantine.Link{Pod: pod, MACs: []net.HardwareAddr{end.Attrs().HardwareAddr}}
	err := h.node.Do(func() error {
		near := []netlink.Link{end}
		if master := end.Attrs().MasterIndex; master != 0 {
			bridge, err := netlink.LinkByIndex(master)
			if err != nil {
				return fmt.Errorf("the bridge of %s: %w", end.Attrs().Name, err)
			}
			near = append(near, bridge)
			v.MACs = []net.HardwareAddr{bridge.Attrs().HardwareAddr}
		}
		for _, l := range near {
			addresses, err := netlink.AddrList(l, netlink.FAMILY_V6)
			if err != nil {
				return fmt.Errorf("addresses of %s: %w", l.Attrs().Name, err)
			}
			for _, a := range addresses {
				ip, _ := netip.AddrFromSlice(a.IP)
				switch {
				case ip.IsLinkLocalUnicast():
					v.Near = append(v.Near, ip)
				case ip.IsGlobalUnicast():
					v.Node = append(v.Node, ip)
				}
			}
		}
		v.Node = distinct(append(v.Node, speaksFrom(pod)...))
		var err error
		v.Ports, err = localPorts()
		return err
	})
	v.Near = distinct(v.Near)
	return v, err
}

// distinct are the addresses in order, each once.
func distinct(all []netip.Addr) []netip.Addr {
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// introduce adds neighbour entries for the node inside the pod. The pod cannot discover them, because its multicast requests are
// dropped. The entries are not permanent: the pod's kernel confirms them by unicast. If introduce fails, only probes may fail.
func introduce(pod *netns.Namespace, link int, v quarantine.Link) {
	_ = pod.Do(func() error {
		for _, ip := range v.Node {
			routes, _ := netlink.RouteGet(ip.AsSlice()) // without one it has no way to answer either
			for _, r := range routes {
				hop := r.Gw
				if hop == nil {
					hop = ip.AsSlice()
				}
				if r.LinkIndex == link {
					_ = netlink.NeighSet(&netlink.Neigh{LinkIndex: link, IP: hop, State: netlink.NUD_STALE, HardwareAddr: v.MACs[0]})
				}
			}
		}
		return nil
	})
}

// speaksFrom returns the source addresses from which the calling thread's network namespace sends to the pod. The kubelet's is one
// of them. An address of the pod without a route has none.
func speaksFrom(pod []netip.Addr) []netip.Addr {
	var from []netip.Addr
	for _, ip := range pod {
		routes, err := netlink.RouteGet(ip.AsSlice())
		if err != nil {
			continue
		}
		for _, r := range routes {
			if src, ok := netip.AddrFromSlice(r.Src); ok {
				from = append(from, src.Unmap())
			}
		}
	}
	return from
}

// localPorts is the range from which the calling thread's network namespace takes the ports of its own connections
// (ip-sysctl; it holds for IPv6 as well).
func localPorts() (ports [2]uint16, err error) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		_, err = fmt.Fscan(strings.NewReader(string(text)), &ports[0], &ports[1])
	}
	if err != nil {
		return ports, fmt.Errorf("the node's own ports: %w", err)
	}
	return ports, nil
}

package nodefilter

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Cut deletes the conntrack entries of connections that are not allowed any more, so that their next packet is judged
// as one that nobody knows. It looks at every entry: off the hot path. It returns how many it deleted.
func (f *Filter) Cut(allowed func(netpol.Packet) bool, families ...iptables.Family) (int, error) {
	total := 0
	err := f.node.Do(func() error {
		own, err := addresses()
		if err != nil {
			return err
		}
		var errs []error
		for _, family := range families {
			n, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, inet(family), forbidden{own: own, allowed: allowed})
			total += int(n)
			if err != nil {
				errs = append(errs, fmt.Errorf("delete conntrack entries (%s): %w", family, err))
			}
		}
		return errors.Join(errs...)
	})
	return total, err
}

func inet(f iptables.Family) netlink.InetFamily {
	if f == iptables.V6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// Addresses returns the node's own.
func (f *Filter) Addresses() (own map[netip.Addr]struct{}, err error) {
	err = f.node.Do(func() error {
		own, err = addresses()
		return err
	})
	return own, err
}

func addresses() (map[netip.Addr]struct{}, error) {
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list the node's addresses: %w", err)
	}
	own := make(map[netip.Addr]struct{}, len(list))
	for _, a := range list {
		own[address(a.IP)] = struct{}{}
	}
	return own, nil
}

func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// forbidden chooses the entries of connections that are not allowed.
type forbidden struct {
	own     map[netip.Addr]struct{}
	allowed func(netpol.Packet) bool
}

// MatchConntrackFlow judges the packet that opened the connection: from whom it came, and where it went after DNAT,
// which is where the answers come from.
func (f forbidden) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	return !f.allowed(opening(flow, f.own))
}

// opening returns the packet that opened a connection.
func opening(flow *netlink.ConntrackFlow, own map[netip.Addr]struct{}) netpol.Packet {
	p := netpol.Packet{
		From: address(flow.Forward.SrcIP), To: address(flow.Reverse.SrcIP), Port: flow.Reverse.SrcPort,
		Protocol: protocol(flow.Forward.Protocol),
	}
	_, p.Node = own[p.From]
	_, p.ToNode = own[p.To]
	return p
}

// Connection is a connection by the packet that opened it.
type Connection struct {
	netpol.Packet
	FromPort uint16
}

// Connections calls visit for each connection that the kernel knows. It looks at every entry: off the hot path.
func (f *Filter) Connections(visit func(Connection), families ...iptables.Family) error {
	return f.node.Do(func() error {
		own, err := addresses()
		if err != nil {
			return err
		}
		for _, family := range families {
			flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, inet(family))
			if err != nil {
				return fmt.Errorf("list connections (%s): %w", family, err)
			}
			for _, flow := range flows {
				visit(Connection{Packet: opening(flow, own), FromPort: flow.Forward.SrcPort})
			}
		}
		return nil
	})
}

func protocol(number uint8) netpolicy.Protocol {
	switch number {
	case unix.IPPROTO_TCP:
		return netpolicy.TCP
	case unix.IPPROTO_UDP:
		return netpolicy.UDP
	case unix.IPPROTO_SCTP:
		return netpolicy.SCTP
	}
	return netpolicy.Protocol(fmt.Sprintf("protocol %d", number))
}

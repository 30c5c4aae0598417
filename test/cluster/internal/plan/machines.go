package plan

import (
	"fmt"
	"net/netip"
)

// DefaultName is the lab's name when nobody gives another. Every machine's name begins with it.
const DefaultName = "ds"

// Machine is one member of the lab: a set of namespaces that behaves like a computer on a common wire.
type Machine struct {
	Name string
	// IPv4 and IPv6 are its addresses on the wire, with the wire's prefix length. Invalid for the switch.
	IPv4, IPv6 netip.Prefix
	// PodsV4 and PodsV6 are the ranges its pods get their addresses from. Invalid where no pods run.
	PodsV4, PodsV6 netip.Prefix
	// ServiceMode is how its kube-proxy writes Services. Each node has another: what works here works with both.
	ServiceMode string
}

// The modes of kube-proxy that machines have.
const (
	IPTables = "iptables"
	NFTables = "nftables"
)

// Lab is the address plan of a whole lab. Every address is from a documentation range (RFC 5737, RFC 3849),
// so that a packet which escaped could reach nobody.
type Lab struct {
	// Switch is the name of the machine that the wire of all others ends in.
	Switch  string
	Control Machine
	Nodes   []Machine
	// PodsV4 and PodsV6 cover the pods of all nodes.
	PodsV4, PodsV6 netip.Prefix
	// ServicesV4 and ServicesV6 are the cluster's Service ranges.
	ServicesV4, ServicesV6 netip.Prefix
	// DNSv4 and DNSv6 are the cluster addresses of the Service kube-dns.
	DNSv4, DNSv6 netip.Addr
}

// TwoNodes is the lab that the commands bring up: a control plane and two nodes, dual-stack. Labs of different names
// can be up at once; they share no wire, and so they may have the same addresses.
func TwoNodes(name string) Lab {
	l := Lab{
		Switch: name + "-switch",
		Control: Machine{
			Name: name + "-control",
			IPv4: netip.MustParsePrefix("198.51.100.10/24"),
			IPv6: netip.MustParsePrefix("2001:db8::10/64"),

			ServiceMode: IPTables,
		},
		PodsV4:     netip.MustParsePrefix("203.0.113.0/24"),
		PodsV6:     netip.MustParsePrefix("2001:db8:1::/48"),
		ServicesV4: netip.MustParsePrefix("192.0.2.0/24"),
		ServicesV6: netip.MustParsePrefix("2001:db8:ffff::/108"),
		DNSv4:      netip.MustParseAddr("192.0.2.10"),
		DNSv6:      netip.MustParseAddr("2001:db8:ffff::a"),
	}
	for i := 1; i <= 2; i++ {
		l.Nodes = append(l.Nodes, node(name, i))
	}
	return l
}

// node is the i-th node, from 1. Half of the pods' IPv4 /24 goes to each of at most two nodes.
func node(name string, i int) Machine {
	modes := []string{IPTables, NFTables}
	return Machine{
		Name:   fmt.Sprintf("%s-node%d", name, i),
		IPv4:   netip.MustParsePrefix(fmt.Sprintf("198.51.100.%d/24", 10+i)),
		IPv6:   netip.MustParsePrefix(fmt.Sprintf("2001:db8::%d/64", 10+i)),
		PodsV4: netip.MustParsePrefix(fmt.Sprintf("203.0.113.%d/25", (i-1)*128)),
		PodsV6: netip.MustParsePrefix(fmt.Sprintf("2001:db8:1:%d::/64", i)),

		ServiceMode: modes[(i-1)%len(modes)],
	}
}

// Machines are all machines with an address: the control plane, then the nodes.
func (l Lab) Machines() []Machine { return append([]Machine{l.Control}, l.Nodes...) }

// Names are the names of all machines, the switch included.
func (l Lab) Names() []string {
	names := []string{l.Switch}
	for _, m := range l.Machines() {
		names = append(names, m.Name)
	}
	return names
}

// APIServer is where the API server listens.
func (l Lab) APIServer() netip.AddrPort { return netip.AddrPortFrom(l.Control.IPv4.Addr(), 6443) }

// FirstService is the address of the Service "kubernetes" in the given range: the first after the network's own.
func FirstService(services netip.Prefix) netip.Addr { return services.Masked().Addr().Next() }

// Route says that packets to To go to Via, or straight to the wire when Via is invalid.
type Route struct {
	To  netip.Prefix
	Via netip.Addr
}

// Routes are what a machine must know beyond its own wire: the other nodes' pods, and the Service ranges.
// A Service address never appears on the wire, since kube-proxy rewrites it; but the kernel asks for a route
// before that. There is no default route: nothing leaves the lab.
func (l Lab) Routes(m Machine) []Route {
	routes := []Route{{To: l.ServicesV4}, {To: l.ServicesV6}}
	for _, n := range l.Nodes {
		if n.Name == m.Name {
			continue
		}
		routes = append(routes, Route{n.PodsV4, n.IPv4.Addr()}, Route{n.PodsV6, n.IPv6.Addr()})
	}
	return routes
}

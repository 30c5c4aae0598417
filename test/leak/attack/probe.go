package attack

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Secret is what the attempts try to carry out.
const Secret = "the tenant's secret" //nolint:gosec // no credential

// patience bounds each wait for an answer, limit each attempt.
const (
	patience = 100 * time.Millisecond
	limit    = 8 * time.Second
)

// Aim is where the attempts are aimed at, in one address family. All of it comes from the command line.
type Aim struct {
	Far   netip.Addr     // beyond a router; nobody there is to hear the tenant but by way of the proxy
	Near  netip.Addr     // the pod's next hop
	Door  uint16         // a port of the next hop that answers
	Pod   netip.Addr     // the pod's own address
	Open  netip.AddrPort // something at Far, or behind it, that the proxy may call
	Hello string         // what to say there so that the connection lasts
	Proxy uint32         // the proxy's uid
	Peer  string         // the link address of the pod's neighbour; empty: what the pod knows of its next hop
}

func (a Aim) v6() bool { return a.Far.Is6() }

func (a Aim) loopback() netip.Addr {
	if a.v6() {
		return netip.IPv6Loopback()
	}
	return netip.MustParseAddr("127.0.0.1")
}

func (a Aim) far(port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Far, port) }

// Probe is one way to try.
type Probe struct {
	Name string
	// Means is what it needs besides the capabilities that every tenant has.
	Means Means
	// Do tries it on an aim. What it returns is for the reader, but for errReached: something answered that must not.
	Do func(a Aim) error
}

// Means are the capabilities that a probe needs.
type Means int

// The means.
const (
	None  Means = iota
	Raw         // CAP_NET_RAW
	Frame       // CAP_NET_RAW, and what it makes passes no chain of iptables: only taking the capability away stops it
	Walls       // none, but a container's walls stop it: its own process ids, its own view of files
)

// Probes lists every way, in a fixed order.
func Probes() []Probe {
	return slices.Concat(sockets(), families(), BesideIP(), options(), identities(), proxies(), kernels(), segments(), datagrams(), packets(), crafted(), frames())
}

// BesideIP lists the ways beside and below IP: each family of sockets, in each way in which the kernel can be asked for one.
func BesideIP() []Probe { return slices.Concat(besideIP(), sweeps()) }

// reached is a probe's answer when something answered that must not.
type reached struct{ what string }

func (r reached) Error() string { return "REACHED: " + r.what }

// each makes one probe of every entry of a table.
func each[T any](means Means, format string, table []named[T], do func(a Aim, entry T) error) []Probe {
	var all []Probe
	for _, e := range table {
		all = append(all, Probe{fmt.Sprintf(format, e.name), means, func(a Aim) error { return do(a, e.value) }})
	}
	return all
}

type named[T any] struct {
	name  string
	value T
}

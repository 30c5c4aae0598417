package podcapture

import (
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Owners remembers every socket that was seen, by the flow it sends. The zero value is empty and ready; it is not safe
// for concurrent use.
type Owners struct {
	tcp map[[2]netip.AddrPort]map[Owner]bool // local, remote
	in  map[netip.AddrPort]map[Owner]bool    // remote, of sockets on a port of the proxy that takes redirected calls
	udp map[uint16]map[Owner]bool            // local port
	// Ingress are the proxy's ports that incoming connections are redirected to: on the wire those connections
	// still show the port that the caller meant.
	Ingress []uint16
}

// Add remembers a socket.
func (o *Owners) Add(s Socket) {
	if s.Protocol == unix.IPPROTO_UDP {
		o.udp = remember(o.udp, s.Local.Port(), s.Owner)
		return
	}
	o.tcp = remember(o.tcp, [2]netip.AddrPort{s.Local, s.Remote}, s.Owner)
	for _, port := range o.Ingress {
		if s.Local.Port() == port && s.Remote.Port() != 0 {
			o.in = remember(o.in, s.Remote, s.Owner)
		}
	}
}

// Of lists who can have sent the packet: the owners of the sockets that have its flow. None means that no socket was
// seen with it. Of UDP only the local port is known, which soon comes to another socket: who had it at the time counts
// alone, and if nobody had, whoever ever did.
func (o *Owners) Of(p Packet) []Owner {
	found := map[Owner]bool(nil)
	switch p.Protocol {
	case unix.IPPROTO_UDP:
		if len(p.Senders) > 0 {
			return p.Senders
		}
		found = o.udp[p.Src.Port()]
	case unix.IPPROTO_TCP:
		found = o.tcp[[2]netip.AddrPort{p.Src, p.Dst}]
		if len(found) == 0 {
			found = o.in[p.Dst]
		}
	}
	return slices.Collect(maps.Keys(found))
}

// begin forgets who sent in the flow of the packet, which begins a connection: an earlier socket had the same ports.
func (o *Owners) begin(p Packet) { delete(o.tcp, [2]netip.AddrPort{p.Src, p.Dst}) }

func remember[K comparable](in map[K]map[Owner]bool, key K, owner Owner) map[K]map[Owner]bool {
	if in == nil {
		in = map[K]map[Owner]bool{}
	}
	if in[key] == nil {
		in[key] = map[Owner]bool{}
	}
	in[key][owner] = true
	return in
}

package wire

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Rules say what may leave the pod.
type Rules struct {
	Proxies []Owner      // the proxy's uid and its container's cgroup; of a restarted one, before and after
	DNS     []netip.Addr // the cluster's DNS, where the proxy may send UDP to port 53
}

// Verdict is what a capture shows.
type Verdict struct {
	Packets   int      // all that left the pod, neighbour discovery aside
	ProxyTCP  int      // of these, TCP of the proxy's sockets
	ProxyDNS  int      // and DNS of the proxy's sockets
	Neighbour int      // ARP and IPv6 neighbour discovery, which no socket sends
	Leaks     []string // everything else, one line per flow
}

// Judge sorts the packets that left the pod. A packet is the proxy's if every socket ever seen with its flow is the
// proxy's, by uid and by cgroup. What no socket was seen with counts as a leak: an unexplained packet is not excused.
func Judge(packets []Packet, owners *Owners, rules Rules) Verdict {
	verdict := Verdict{}
	for _, packet := range packets {
		if !packet.Out {
			continue
		}
		if packet.neighbour() {
			verdict.Neighbour++
			continue
		}
		verdict.Packets++
		reason := rules.leak(packet, owners.Of(packet))
		switch {
		case reason != "":
			line := packet.String() + ": " + reason
			if !slices.Contains(verdict.Leaks, line) {
				verdict.Leaks = append(verdict.Leaks, line)
			}
		case packet.Protocol == unix.IPPROTO_UDP:
			verdict.ProxyDNS++
		default:
			verdict.ProxyTCP++
		}
	}
	return verdict
}

func (p Packet) neighbour() bool {
	return p.Ether == etherARP || p.Protocol == unix.IPPROTO_ICMPV6 &&
		slices.Contains([]uint8{ndSolicitation, ndAdvertisement}, p.ICMP)
}

// leak says why the packet is not the proxy's, or "".
func (r Rules) leak(p Packet, owners []Owner) string {
	switch {
	case p.Fragment:
		return "a fragment"
	case p.Protocol == unix.IPPROTO_UDP && (p.Dst.Port() != 53 || !slices.Contains(r.DNS, p.Dst.Addr())):
		return "UDP to elsewhere than the cluster's DNS"
	case p.Protocol != unix.IPPROTO_TCP && p.Protocol != unix.IPPROTO_UDP:
		return "neither TCP nor DNS"
	case len(owners) == 0:
		return "no socket was seen that could have sent it"
	}
	for _, owner := range owners {
		if !slices.Contains(r.Proxies, owner) {
			return fmt.Sprintf("sent by uid %d in cgroup %d, not by the proxy", owner.UID, owner.Cgroup)
		}
	}
	return ""
}

package podcapture

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
	Refusals  int      // resets with which the kernel itself tells a caller from outside that nobody listens
	Neighbour int      // ARP and IPv6 neighbour discovery, which no socket sends
	Leaks     []string // everything else, one line per flow
	Unseen    int      // of these, flows whose socket was gone before the kernel could be asked about it
}

// unseen is why a packet of nobody is a leak.
const unseen = "no socket was seen that could have sent it"

// Judge sorts the packets that left the pod. A packet is the proxy's if every socket ever seen with its flow is the
// proxy's, by uid and by cgroup. What no socket was seen with counts as a leak: an unexplained packet is not excused.
// One kind is explained without a socket: the reset that answers the SYN of a caller from outside at a closed port.
func Judge(packets []Packet, owners *Owners, rules Rules) Verdict {
	verdict, callers := Verdict{}, map[[2]netip.AddrPort]bool{}
	for _, packet := range packets {
		if !packet.Out {
			if packet.Flags&flagSYN != 0 {
				callers[[2]netip.AddrPort{packet.Dst, packet.Src}] = true
			}
			continue
		}
		if packet.neighbour() {
			verdict.Neighbour++
			continue
		}
		verdict.Packets++
		sent := owners.Of(packet)
		reason := rules.leak(packet, sent)
		switch {
		case len(sent) == 0 && packet.Flags&flagRST != 0 && callers[[2]netip.AddrPort{packet.Src, packet.Dst}]:
			verdict.Refusals++
		case reason != "":
			line := packet.String() + ": " + reason
			if !slices.Contains(verdict.Leaks, line) {
				verdict.Leaks = append(verdict.Leaks, line)
				if reason == unseen {
					verdict.Unseen++
				}
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
	return !p.Long && p.Ether == etherARP || !p.Long && p.Protocol == unix.IPPROTO_ICMPV6 &&
		slices.Contains([]uint8{ndSolicitation, ndAdvertisement}, p.ICMP)
}

// leak says why the packet is not the proxy's, or "".
func (r Rules) leak(p Packet, owners []Owner) string {
	switch {
	case p.Short:
		return "a packet without all of its headers"
	case p.Fragment:
		return "a fragment"
	case p.Protocol == unix.IPPROTO_UDP && (p.Dst.Port() != 53 || !slices.Contains(r.DNS, p.Dst.Addr())):
		return "UDP to elsewhere than the cluster's DNS"
	case p.Protocol != unix.IPPROTO_TCP && p.Protocol != unix.IPPROTO_UDP:
		return "neither TCP nor DNS"
	case len(owners) == 0:
		return unseen
	}
	for _, owner := range owners {
		if !slices.Contains(r.Proxies, owner) {
			return fmt.Sprintf("sent by uid %d in cgroup %d, not by the proxy", owner.UID, owner.Cgroup)
		}
	}
	return ""
}

package redirect

import (
	"net/netip"
	"slices"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
)

// matches are conditions that a packet must all meet.
type matches = []iptables.Match

// joined are all conditions of the groups, in their order.
func joined(groups ...matches) matches { return slices.Concat(groups...) }

// rule makes a rule that the kernel knows by the comment "ds-ID".
func rule(id, reason string, when matches, target iptables.Target) iptables.Rule {
	return iptables.Rule{Matches: when, Comment: "ds-" + id, Target: target, Reason: reason}
}

func inLo() iptables.Match { return iptables.In{Interface: "lo"} }

func outLo() iptables.Match { return iptables.Out{Interface: "lo"} }

// fromOutside matches packets that do not arrive by loopback.
func fromOutside() iptables.Match { return iptables.In{Interface: "lo", Not: true} }

func from(p netip.Prefix) iptables.Match { return iptables.Address{Prefix: p} }

func to(p netip.Prefix) iptables.Match { return iptables.Address{End: iptables.Destination, Prefix: p} }

func toPort(p iptables.Protocol, n uint16) iptables.Match {
	return iptables.Port{Protocol: p, End: iptables.Destination, Range: iptables.OnePort(n)}
}

func toPorts(numbers ...uint16) iptables.Match {
	return iptables.Multiport{End: iptables.Destination, Ports: iptables.Numbers(numbers...)}
}

// redirected matches packets whose destination nat has changed.
func redirected() iptables.Match { return iptables.State{Of: iptables.DNAT} }

func notRedirected() iptables.Match { return iptables.State{Of: iptables.DNAT, Not: true} }

func unplaced() iptables.Match { return iptables.State{Of: iptables.Invalid} }

// opens matches packets by which nothing but a TCP connection begins.
func opens() iptables.Match {
	return iptables.TCPFlags{Of: iptables.FIN | iptables.SYN | iptables.RST | iptables.ACK, Set: iptables.SYN}
}

// ofCgroup matches packets of sockets whose cgroup is the given one or below it.
func ofCgroup(path string) iptables.Match { return iptables.Cgroup{Path: path} }

func notOfCgroup(path string) iptables.Match { return iptables.Cgroup{Path: path, Not: true} }

// proxySocket matches packets of the proxy's sockets.
func (p planner) proxySocket() matches { return matches{proxyUser(), ofCgroup(p.proxy.Cgroup)} }

// proxyUser matches packets of sockets of the proxy's user: the proxy's, and an impostor's, whom filter tells apart.
func proxyUser() iptables.Match { return iptables.Owner{UID: apis.ProxyUID} }

// unowned matches packets that no process owns: answers that the kernel makes itself (RST, ACK of a connection in
// TIME_WAIT), sockets that nobody has accepted yet, and sockets that are closed and have something left to send.
func unowned() iptables.Match { return iptables.Unowned{} }

func marked() iptables.Match { return iptables.ConnMark{Mark: iptables.WholeMark(Mark)} }

// markedOrComing matches both marks.
func markedOrComing() iptables.Match { return iptables.ConnMark{Mark: EitherMark()} }

// short matches segments that are no longer than two headers with all of TCP's options: none with a header between the two.
func (p planner) short() iptables.Match { return iptables.Length{Min: p.header, Max: p.header + 20} }

// long matches packets of exactly this length.
func long(bytes uint16) iptables.Match { return iptables.Length{Min: bytes, Max: bytes} }

// timestamps is the TCP option that bears them.
const timestamps = 8

// onlyACK matches segments with no other flag, and with this TCP option unless it is 0.
func onlyACK(option uint8) iptables.Match {
	every := iptables.FIN | iptables.SYN | iptables.RST | iptables.PSH | iptables.ACK | iptables.URG
	return iptables.TCPFlags{Of: every, Set: iptables.ACK, Option: option}
}

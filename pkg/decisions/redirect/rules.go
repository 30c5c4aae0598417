package redirect

import (
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
)

// filterOutput returns the rules of filter/OUTPUT in their order: what the proxy's impersonators do is refused before anything is accepted.
// RULES.md has each with its reason.
func (p planner) filterOutput() []iptables.Rule {
	var rules []iptables.Rule
	if p.bound() {
		rules = append(rules, rule("out-impersonation", "The proxy's user outside the proxy's container: somebody took its uid to pass for it. It is told so, and counted, even on lo.",
			matches{proxyUser(), notOfCgroup(p.proxy.Cgroup)}, p.unreachable),
			rule("out-stranger", "A process that runs in the pod's network namespace but in none of its containers calls a port of the proxy on loopback: the container runtime, for kubectl port-forward. It would use the explicit proxy in the pod's name.",
				matches{outLo(), iptables.TCP, toPorts(apis.ProxyPorts()...), notRedirected(), notOfCgroup(p.podCgroup())}, iptables.RejectReset))
	}
	rules = append(rules,
		rule("out-loopback", "What stays on lo does not leave the pod. Calls of the proxy's ports are judged where they arrive, in INPUT.",
			matches{outLo()}, iptables.Accept),
		rule("out-redirected", "A packet that nat has just led to the proxy: it still shows the interface of its first route. mangle/POSTROUTING checks that it takes lo.",
			matches{to(p.loopback), redirected()}, iptables.Accept),
		rule("out-invalid", "Conntrack cannot place it, so nat has not seen it: it would leave with inner addresses or past the redirect.",
			matches{unplaced()}, iptables.Drop))
	if p.bound() {
		rules = append(rules, p.proxyOutput()...)
	}
	if p.discovery {
		rules = append(rules, p.neighbours("out-neighbour", unowned())...)
	}
	return append(rules, p.drops("out")...)
}

// proxyOutput is the one way out.
func (p planner) proxyOutput() []iptables.Rule {
	inUse, mark := iptables.State{Of: iptables.New | iptables.Established}, iptables.Jump(chainMark)
	return []iptables.Rule{
		rule("out-proxy-tcp", "TCP of the proxy's own sockets: uid and cgroup.",
			joined(matches{iptables.TCP}, p.proxySocket(), matches{inUse}), mark),
		rule("out-proxy-dns", "DNS of the proxy's own sockets.",
			joined(matches{iptables.UDP, toPort(iptables.UDP, 53)}, p.proxySocket(), matches{inUse}), mark),
		rule("out-proxy-unowned", "A socket of the proxy's container that no process holds: not accepted yet, or closed with something left to send. It has no user any more, but still its cgroup.",
			matches{iptables.TCP, markedOrComing(), unowned(), ofCgroup(p.proxy.Cgroup)}, mark),
		rule("out-orphan", "The same of another container: a connection that a process with the proxy's user listened for and has not accepted, and that the kernel ends when the process closes the port. The reset would bear the window, the hop limit and the type of service that the process has chosen. The kernel's own resets are of no container.",
			matches{iptables.TCP, unowned(), ofCgroup(p.containers())}, iptables.Drop),
		rule("out-proxy-synack", "The SYN+ACK of the proxy's listener. The kernel makes it from a request socket, which the cgroup match never sees. The packet mark is the listener's: the agent has set it, and a tenant cannot (SO_MARK takes CAP_NET_ADMIN or CAP_NET_RAW). Without the mark, any process with the proxy's user could listen on the port while the proxy restarts, and choose the window, the segment size, the hop limit and the type of service of SYN+ACKs that leave.",
			p.listenersAnswer(proxyUser()), iptables.Accept),
		rule("out-proxy-cookie", "The same while the kernel answers with SYN cookies, because more calls arrive than the listener's queue holds: it then makes the SYN+ACK from no socket, but still with the listener's mark.",
			p.listenersAnswer(unowned()), iptables.Accept),
		rule("out-kernel-reset", "The kernel refuses or resets a connection to the proxy: nobody listens yet, or any more. It carries no data.",
			matches{iptables.TCP, p.short(), iptables.TCPFlags{Of: iptables.RST, Set: iptables.RST}, markedOrComing(), unowned()}, iptables.Accept),
		rule("out-kernel", "The kernel's own ACK on a connection of which the proxy has sent a packet (TIME_WAIT). A header and nothing more: a socket that somebody else closed with something left to send has no owner either.",
			matches{iptables.TCP, long(p.header), onlyACK(0), marked(), unowned()}, iptables.Accept),
		rule("out-kernel-stamped", "The same with a timestamp, which takes the twelve bytes.",
			matches{iptables.TCP, long(p.header + 12), onlyACK(timestamps), marked(), unowned()}, iptables.Accept),
	}
}

func (p planner) filterInput() []iptables.Rule {
	var rules []iptables.Rule
	if p.bound() {
		rules = append(rules, rule("in-impostor", "From outside, for a socket that is not the proxy's: one that shares a port of the proxy (SO_REUSEPORT), or that has the addresses and ports of a connection which the proxy has given up. Not delivered. On lo the kernel does not tell whose socket it is; there such a socket can hear the pod's own applications, and cannot answer.",
			matches{fromOutside(), notOfCgroup(p.proxy.Cgroup)}, iptables.Drop))
	}
	rules = append(rules,
		rule("in-direct", "A direct call of the proxy's transparent ports, from the pod or from outside: only what nat led there has a destination to go on to.",
			matches{iptables.TCP, toPorts(apis.PortEgressTCP, apis.PortIngressTCP), notRedirected()}, iptables.Drop),
		rule("in-loopback", "The pod talks to itself and to its proxy.", matches{inLo()}, iptables.Accept),
		rule("in-invalid", "Conntrack cannot place it.", matches{unplaced()}, iptables.Drop))
	if p.bound() {
		rules = append(rules, p.proxyInput()...)
	}
	if p.discovery {
		rules = append(rules, p.neighbours("in-neighbour")...)
	}
	return append(rules, p.drops("in")...)
}

// proxyInput is the one way in.
func (p planner) proxyInput() []iptables.Rule {
	return []iptables.Rule{
		rule("in-open", "A connection from outside, at a port of the proxy, begins. An older mark of the same addresses and ports ends here.",
			matches{iptables.TCP, toPorts(MarkedPorts()...), opens()}, iptables.Jump(chainComing)),
		rule("in-redirected", "What nat has led to the proxy's ingress.",
			matches{iptables.TCP, toPort(iptables.TCP, apis.PortIngressTCP), redirected()}, iptables.Accept),
		rule("in-ready", "The kubelet asks whether the proxy is up; nothing else is answered on this port.",
			matches{iptables.TCP, toPort(iptables.TCP, apis.PortReady)}, iptables.Accept),
		rule("in-crossed", "A call from outside in the place of the answer that the proxy waited for (TCP's simultaneous open): it would be taken by whoever listens on that port by now.",
			matches{iptables.TCP, opens(), marked()}, iptables.Drop),
		rule("in-reply", "Answers to the proxy, and ICMP errors about its connections (path MTU).",
			matches{marked(), iptables.State{Of: iptables.Related | iptables.Established}}, iptables.Accept),
		rule("in-refuse", "A connection to a port on which nobody in the pod listens, so that nat has not led it to the proxy: it is refused as in any pod, and the kubelet sees that the application is down.",
			matches{iptables.TCP, opens(), iptables.Multiport{End: iptables.Destination, Ports: iptables.Numbers(apis.ProxyPorts()...), Not: true}, notRedirected()},
			iptables.Jump(chainRefuse)),
	}
}

// listenersAnswer matches SYN+ACKs of marked listeners.
func (p planner) listenersAnswer(who iptables.Match) matches {
	both := iptables.SYN | iptables.ACK
	return matches{iptables.TCP, iptables.Multiport{Ports: iptables.Numbers(MarkedPorts()...)}, p.short(),
		iptables.TCPFlags{Of: both, Set: both}, markedOrComing(), who, iptables.PacketMark{Mark: iptables.WholeMark(SocketMark)}}
}

// neighbours lets neighbour discovery pass (RFC 4861: hop limit 255 proves that it comes from the link).
func (p planner) neighbours(id string, who ...iptables.Match) []iptables.Rule {
	types := []struct {
		number iptables.ICMPv6Type
		name   string
	}{
		{135, "solicitation"}, {136, "advertisement"},
	}
	var rules []iptables.Rule
	for _, t := range types {
		rules = append(rules, rule(id+"-"+t.name, "Neighbour "+t.name+" (RFC 4861): without it no IPv6 packet finds its next hop. Hop limit 255: from this link.",
			joined(matches{p.icmp, t.number, iptables.HopLimit(255)}, who), iptables.Accept))
	}
	return rules
}

// drops counts by reason what the policy would drop anyway.
func (p planner) drops(direction string) []iptables.Rule {
	why := map[string]string{
		"out": "was to leave the pod without the proxy", "in": "came from outside, not to the proxy and not in answer to it",
	}[direction]
	return p.logged([]iptables.Rule{
		rule(direction+"-drop-tcp", "TCP that "+why+".", matches{iptables.TCP}, iptables.Drop),
		rule(direction+"-drop-udp", "UDP that "+why+".", matches{iptables.UDP}, iptables.Drop),
		rule(direction+"-drop-icmp", "ICMP that "+why+".", matches{p.icmp}, iptables.Drop),
		rule(direction+"-drop-other", "Any other protocol that "+why+".", nil, iptables.Drop),
	})
}

func (p planner) manglePostrouting() []iptables.Rule {
	rules := []iptables.Rule{
		rule("wire-loopback", "What stays on lo does not leave the pod.", matches{outLo()}, iptables.Accept),
		rule("wire-proxy", "Of a connection that filter has marked.", matches{markedOrComing()}, iptables.Accept),
	}
	if p.discovery {
		rules = append(rules, p.neighbours("wire-neighbour", unowned())...)
	}
	return append(rules, p.logged([]iptables.Rule{
		rule("wire-drop", "Whatever else has come this far, for instance a redirected packet that a socket bound to the pod's interface carries out.", nil, iptables.Drop),
	})...)
}

func (p planner) natPrerouting() []iptables.Rule {
	return []iptables.Rule{
		rule("nat-in-own", "A direct call of a port of the proxy keeps its destination, so that filter can tell it from a redirected one.",
			matches{iptables.TCP, toPorts(apis.ProxyPorts()...)}, iptables.Return),
		rule("nat-in", "TCP from outside, to a port on which somebody in the pod listens, goes to the proxy's ingress. The proxy accepts before it knows whether the application does: without this question a probe of a port would succeed while the application is down.",
			matches{fromOutside(), iptables.TCP, iptables.Listener{}}, iptables.Redirect(apis.PortIngressTCP)),
	}
}

func (p planner) natOutput() []iptables.Rule {
	return []iptables.Rule{
		rule("nat-out-ingress", "The proxy's ingress calls the application. Its address is no loopback address, because applications trust those.",
			matches{from(p.ingress), outLo()}, iptables.Return),
		rule("nat-out-local", "From a loopback address: the pod's own talk, and the ingress of a proxy that started before the ingress had an address of its own.",
			matches{from(p.loopback), outLo()}, iptables.Return),
		rule("nat-out-self", "The proxy's egress calls its own pod: that enters by the ingress once, as any caller would.",
			matches{iptables.Address{End: iptables.Destination, Prefix: p.loopback, Not: true}, outLo(), iptables.TCP, proxyUser()},
			iptables.Redirect(apis.PortIngressTCP)),
		rule("nat-out-loopback", "What stays on lo is nobody's business.", matches{outLo()}, iptables.Return),
		rule("nat-out-proxy", "The proxy's own connections go where it sends them. Whoever else took its user is not redirected, and so is filter's to drop.",
			matches{proxyUser()}, iptables.Return),
		rule("nat-out-dns", "DNS goes to the proxy whatever server the application named; DNS over TCP takes the next rule and is told apart by its port.",
			matches{iptables.UDP, toPort(iptables.UDP, 53)}, iptables.Redirect(apis.PortDNS)),
		rule("nat-out-tcp", "All other TCP goes to the proxy's egress.",
			matches{iptables.TCP}, iptables.Redirect(apis.PortEgressTCP)),
	}
}

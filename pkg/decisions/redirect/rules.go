package redirect

import (
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
)

// rule makes a rule that the kernel knows by the comment "ds-ID". Words may be given in groups.
func rule(id, reason string, words ...any) iptables.Rule {
	args := []string{"-m", "comment", "--comment", "ds-" + id}
	var body []string
	for _, w := range words {
		switch w := w.(type) {
		case string:
			body = append(body, w)
		case []string:
			body = append(body, w...)
		default:
			body = append(body, fmt.Sprint(w))
		}
	}
	// iptables wants a protocol before the matches that need it, and the comment before the verdict.
	at := slices.Index(body, "-j")
	return iptables.Rule{Args: slices.Concat(body[:at], args, body[at:]), Reason: reason}
}

func (p planner) filterOutput() []iptables.Rule {
	var rules []iptables.Rule
	if p.bound() {
		rules = append(rules, rule("out-impersonation", "The proxy's user outside the proxy's container: somebody took its uid to pass for it. It is told so, and counted, even on lo.",
			"-m", "owner", "--uid-owner", uid(), "-m", "cgroup", "!", "--path", p.proxy.Cgroup,
			"-j", "REJECT", "--reject-with", p.unreachable),
			rule("out-stranger", "A process that runs in the pod's network namespace but in none of its containers calls a port of the proxy on loopback: the container runtime, for kubectl port-forward. It would use the explicit proxy in the pod's name.",
				"-o", "lo", "-p", "tcp", "-m", "multiport", "--dports", ports(proxyPorts()...), "-m", "conntrack", "!", "--ctstate", "DNAT",
				"-m", "cgroup", "!", "--path", p.podCgroup(), "-j", "REJECT", "--reject-with", "tcp-reset"))
	}
	rules = append(rules,
		rule("out-loopback", "What stays on lo does not leave the pod. Calls of the proxy's ports are judged where they arrive, in INPUT.",
			"-o", "lo", "-j", "ACCEPT"),
		rule("out-redirected", "A packet that nat has just led to the proxy: it still shows the interface of its first route. mangle/POSTROUTING checks that it takes lo.",
			"-d", p.loopback.String(), "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"),
		rule("out-invalid", "Conntrack cannot place it, so nat has not seen it: it would leave with inner addresses or past the redirect.",
			"-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"))
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
	return []iptables.Rule{
		rule("out-proxy-tcp", "TCP of the proxy's own sockets: uid and cgroup.",
			"-p", "tcp", p.proxySocket(), "-m", "conntrack", "--ctstate", "NEW,ESTABLISHED", "-j", chainMark),
		rule("out-proxy-dns", "DNS of the proxy's own sockets.",
			"-p", "udp", "-m", "udp", "--dport", "53", p.proxySocket(), "-m", "conntrack", "--ctstate", "NEW,ESTABLISHED", "-j", chainMark),
		rule("out-proxy-unowned", "A socket of the proxy's container that no process holds: not accepted yet, or closed with something left to send. It has no user any more, but still its cgroup.",
			"-p", "tcp", markedOrComing(), unowned(), "-m", "cgroup", "--path", p.proxy.Cgroup, "-j", chainMark),
		rule("out-orphan", "The same of another container: a connection that a process with the proxy's user listened for and has not accepted, and that the kernel ends when the process closes the port. The reset would bear the window, the hop limit and the type of service that the process has chosen. The kernel's own resets are of no container.",
			"-p", "tcp", unowned(), "-m", "cgroup", "--path", p.containers(), "-j", "DROP"),
		rule("out-proxy-synack", "The SYN+ACK of the proxy's listener. The kernel makes it from a request socket, which the cgroup match never sees. The packet mark is the listener's: the agent has set it, and a tenant cannot (SO_MARK takes CAP_NET_ADMIN or CAP_NET_RAW). Without the mark, any process with the proxy's user could listen on the port while the proxy restarts, and choose the window, the segment size, the hop limit and the type of service of SYN+ACKs that leave.",
			p.listenersAnswer(proxyUser()), "-j", "ACCEPT"),
		rule("out-proxy-cookie", "The same while the kernel answers with SYN cookies, because more calls arrive than the listener's queue holds: it then makes the SYN+ACK from no socket, but still with the listener's mark.",
			p.listenersAnswer(unowned()), "-j", "ACCEPT"),
		rule("out-kernel-reset", "The kernel refuses or resets a connection to the proxy: nobody listens yet, or any more. It carries no data.",
			"-p", "tcp", p.short(), "-m", "tcp", "--tcp-flags", "RST", "RST", markedOrComing(), unowned(), "-j", "ACCEPT"),
		rule("out-kernel", "The kernel's own ACK on a connection of which the proxy has sent a packet (TIME_WAIT). A header and nothing more: a socket that somebody else closed with something left to send has no owner either.",
			"-p", "tcp", "-m", "length", "--length", fmt.Sprint(p.header), onlyACK(), marked(), unowned(), "-j", "ACCEPT"),
		rule("out-kernel-stamped", "The same with a timestamp, which takes the twelve bytes.",
			"-p", "tcp", "-m", "length", "--length", fmt.Sprint(p.header+12), onlyACK(), "--tcp-option", "8", marked(), unowned(), "-j", "ACCEPT"),
	}
}

func (p planner) filterInput() []iptables.Rule {
	var rules []iptables.Rule
	if p.bound() {
		rules = append(rules, rule("in-impostor", "From outside, for a socket that is not the proxy's: one that shares a port of the proxy (SO_REUSEPORT), or that has the addresses and ports of a connection which the proxy has given up. Not delivered. On lo the kernel does not tell whose socket it is; there such a socket can hear the pod's own applications, and cannot answer.",
			"!", "-i", "lo", "-m", "cgroup", "!", "--path", p.proxy.Cgroup, "-j", "DROP"))
	}
	rules = append(rules,
		rule("in-direct", "A direct call of the proxy's transparent ports, from the pod or from outside: only what nat led there has a destination to go on to.",
			"-p", "tcp", "-m", "multiport", "--dports", ports(apis.PortEgressTCP, apis.PortIngressTCP),
			"-m", "conntrack", "!", "--ctstate", "DNAT", "-j", "DROP"),
		rule("in-loopback", "The pod talks to itself and to its proxy.", "-i", "lo", "-j", "ACCEPT"),
		rule("in-invalid", "Conntrack cannot place it.", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"))
	if p.bound() {
		rules = append(rules, p.proxyInput()...)
	}
	if p.discovery {
		rules = append(rules, p.neighbours("in-neighbour", nil)...)
	}
	return append(rules, p.drops("in")...)
}

// proxyInput is the one way in.
func (p planner) proxyInput() []iptables.Rule {
	return []iptables.Rule{
		rule("in-open", "A connection from outside, at a port of the proxy, begins. An older mark of the same addresses and ports ends here.",
			"-p", "tcp", "-m", "multiport", "--dports", ports(MarkedPorts()...),
			"-m", "tcp", "--tcp-flags", "FIN,SYN,RST,ACK", "SYN", "-j", chainComing),
		rule("in-redirected", "What nat has led to the proxy's ingress.",
			"-p", "tcp", "-m", "tcp", "--dport", port(apis.PortIngressTCP), "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"),
		rule("in-ready", "The kubelet asks whether the proxy is up; nothing else is answered on this port.",
			"-p", "tcp", "-m", "tcp", "--dport", port(apis.PortReady), "-j", "ACCEPT"),
		rule("in-crossed", "A call from outside in the place of the answer that the proxy waited for (TCP's simultaneous open): it would be taken by whoever listens on that port by now.",
			"-p", "tcp", "-m", "tcp", "--tcp-flags", "FIN,SYN,RST,ACK", "SYN", marked(), "-j", "DROP"),
		rule("in-reply", "Answers to the proxy, and ICMP errors about its connections (path MTU).",
			marked(), "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"),
		rule("in-refuse", "A connection to a port on which nobody in the pod listens, so that nat has not led it to the proxy: it is refused as in any pod, and the kubelet sees that the application is down.",
			"-p", "tcp", "-m", "tcp", "--tcp-flags", "FIN,SYN,RST,ACK", "SYN", "-m", "multiport", "!", "--dports", ports(proxyPorts()...),
			"-m", "conntrack", "!", "--ctstate", "DNAT", "-j", chainRefuse),
	}
}

// listenersAnswer matches SYN+ACKs of marked listeners.
func (p planner) listenersAnswer(who []string) []string {
	return slices.Concat([]string{"-p", "tcp", "-m", "multiport", "--sports", ports(MarkedPorts()...)}, p.short(),
		[]string{"-m", "tcp", "--tcp-flags", "SYN,ACK", "SYN,ACK"}, markedOrComing(), who, []string{"-m", "mark", "--mark", hex(SocketMark)})
}

// short matches segments that are no longer than two headers with all of TCP's options: none with a header between the two.
func (p planner) short() []string {
	return []string{"-m", "length", "--length", fmt.Sprintf("%d:%d", p.header, p.header+20)}
}

// onlyACK matches segments with no other flag.
func onlyACK() []string {
	return []string{"-m", "tcp", "--tcp-flags", "FIN,SYN,RST,PSH,ACK,URG", "ACK"}
}

// neighbours lets neighbour discovery pass (RFC 4861: hop limit 255 proves that it comes from the link).
func (p planner) neighbours(id string, who []string) []iptables.Rule {
	types := []struct{ number, name string }{
		{"135", "solicitation"}, {"136", "advertisement"},
	}
	var rules []iptables.Rule
	for _, t := range types {
		rules = append(rules, rule(id+"-"+t.name, "Neighbour "+t.name+" (RFC 4861): without it no IPv6 packet finds its next hop. Hop limit 255: from this link.",
			"-p", p.icmp, "-m", "icmp6", "--icmpv6-type", t.number, "-m", "hl", "--hl-eq", "255", who, "-j", "ACCEPT"))
	}
	return rules
}

// drops counts by reason what the policy would drop anyway.
func (p planner) drops(direction string) []iptables.Rule {
	why := map[string]string{
		"out": "was to leave the pod without the proxy", "in": "came from outside, not to the proxy and not in answer to it",
	}[direction]
	return []iptables.Rule{
		rule(direction+"-drop-tcp", "TCP that "+why+".", "-p", "tcp", "-j", "DROP"),
		rule(direction+"-drop-udp", "UDP that "+why+".", "-p", "udp", "-j", "DROP"),
		rule(direction+"-drop-icmp", "ICMP that "+why+".", "-p", p.icmp, "-j", "DROP"),
		rule(direction+"-drop-other", "Any other protocol that "+why+".", "-j", "DROP"),
	}
}

func (p planner) manglePostrouting() []iptables.Rule {
	rules := []iptables.Rule{
		rule("wire-loopback", "What stays on lo does not leave the pod.", "-o", "lo", "-j", "ACCEPT"),
		rule("wire-proxy", "Of a connection that filter has marked.", markedOrComing(), "-j", "ACCEPT"),
	}
	if p.discovery {
		rules = append(rules, p.neighbours("wire-neighbour", unowned())...)
	}
	return append(rules, rule("wire-drop", "Whatever else has come this far, for instance a redirected packet that a socket bound to the pod's interface carries out.", "-j", "DROP"))
}

func (p planner) natPrerouting() []iptables.Rule {
	return []iptables.Rule{
		rule("nat-in-own", "A direct call of a port of the proxy keeps its destination, so that filter can tell it from a redirected one.",
			"-p", "tcp", "-m", "multiport", "--dports", ports(proxyPorts()...), "-j", "RETURN"),
		rule("nat-in", "TCP from outside, to a port on which somebody in the pod listens, goes to the proxy's ingress. The proxy accepts before it knows whether the application does: without this question a probe of a port would succeed while the application is down.",
			"!", "-i", "lo", "-p", "tcp", "-m", "socket", "--nowildcard", "-j", "REDIRECT", "--to-ports", port(apis.PortIngressTCP)),
	}
}

func (p planner) natOutput() []iptables.Rule {
	return []iptables.Rule{
		rule("nat-out-ingress", "The proxy's ingress calls the application. Its address is no loopback address, because applications trust those.",
			"-s", p.ingress.String(), "-o", "lo", "-j", "RETURN"),
		rule("nat-out-local", "From a loopback address: the pod's own talk, and the ingress of a proxy that started before the ingress had an address of its own.",
			"-s", p.loopback.String(), "-o", "lo", "-j", "RETURN"),
		rule("nat-out-self", "The proxy's egress calls its own pod: that enters by the ingress once, as any caller would.",
			"!", "-d", p.loopback.String(), "-o", "lo", "-p", "tcp", proxyUser(), "-j", "REDIRECT", "--to-ports", port(apis.PortIngressTCP)),
		rule("nat-out-loopback", "What stays on lo is nobody's business.", "-o", "lo", "-j", "RETURN"),
		rule("nat-out-proxy", "The proxy's own connections go where it sends them. Whoever else took its user is not redirected, and so is filter's to drop.",
			proxyUser(), "-j", "RETURN"),
		rule("nat-out-dns", "DNS goes to the proxy whatever server the application named; DNS over TCP takes the next rule and is told apart by its port.",
			"-p", "udp", "-m", "udp", "--dport", "53", "-j", "REDIRECT", "--to-ports", port(apis.PortDNS)),
		rule("nat-out-tcp", "All other TCP goes to the proxy's egress.",
			"-p", "tcp", "-j", "REDIRECT", "--to-ports", port(apis.PortEgressTCP)),
	}
}

// proxyPorts are the TCP ports that the proxy listens on.
func proxyPorts() []uint16 {
	return []uint16{apis.PortEgressTCP, apis.PortEgressHTTP, apis.PortIngressTCP, apis.PortReady}
}

func ports(numbers ...uint16) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = port(n)
	}
	return strings.Join(words, ",")
}

package main

import "data-space.liqo.io/pkg/values/apis"

const opening = `# The rules in a foreign pod

Generated from the planner (pkg/decisions/redirect) by ` + "`go generate ./build/rules`" + `; do not edit.

This is everything that the agent writes into the network namespace of a foreign pod, for IPv4 and IPv6 alike. In the kernel
each rule bears its name as a comment, so ` + "`iptables-save -c`" + ` inside the namespace shows the same names with their counts.

**Who is the proxy?** A socket is the proxy's if its cgroup is the proxy container's *and* its user is 1303. The user alone
can be taken by anyone who is root in the pod; the cgroup of a socket cannot. SYN+ACKs show no cgroup; the proxy's are known by a packet mark that the agent sets on the proxy's
listeners (SO_MARK, which no tenant has the capability for).

**Marks.** Two marks on connections (conntrack, so no process can set them) carry that judgement to packets which show no
socket: *proxy*, once a socket of the proxy has sent a packet of the connection, and *coming*, for a connection from outside
that has reached the proxy's port but has not been answered by it yet.

**Bound, unbound.** While the proxy's container runs, its cgroup is known and the rules are *bound* to it. Before it starts,
and when it has stopped, they are *unbound*: the rules marked "bound only" are absent and nothing leaves or enters the pod,
but for IPv6 neighbour discovery. They are in filter alone: mangle and nat are the same in either state.

**Order.** filter is written first, then mangle, then nat; each table is replaced in one transaction. Where mangle has stood
before and does not now, it goes in before filter, which relies on it. Whatever stands half-written is closed. Tables that are not named here are emptied. Where the kernel refuses even the unbound rules, filter
alone is written: it drops everything but loopback. In a pod that is just starting, while nothing runs in it, filter is three
chains that drop, until the proxy's container is there.

**Logged.** With the agent's flag --drop-destinations, each of the rules ds-in-drop-…, ds-out-drop-… and ds-wire-drop has a rule ds-log-… before it,
which logs at most 5 packets a second and decides nothing ([docs/facts.md](docs/facts.md#destinations-of-dropped-packets)).

| port | what the proxy listens on it for |
|---|---|
`

const journeys = `
## The way of a packet

**An application opens a TCP connection.** ` + "`ds-nat-out-tcp`" + ` changes its destination to the proxy's egress on loopback, ` + "`ds-out-redirected`" + `
lets it go there, and routing brings it to lo, where ` + "`ds-wire-loopback`" + ` sees it pass. If the socket was bound to the pod's own
interface, routing keeps it there, and ` + "`ds-wire-drop`" + ` ends it. The proxy opens a connection of its own to where the application meant:
` + "`ds-nat-out-proxy`" + ` leaves that one alone, ` + "`ds-out-proxy-tcp`" + ` recognises socket and user, marks the connection, and ` + "`ds-wire-proxy`" + `
lets it out. Answers come in by ` + "`ds-in-reply`" + `.

**An application asks a name server over UDP.** The same, by ` + "`ds-nat-out-dns`" + ` and ` + "`ds-out-proxy-dns`" + `.

**An application sends anything else**: UDP, ICMP, another protocol, a segment that belongs to no connection. nat does not
touch it, filter drops it, and the rule says which it was: ` + "`ds-out-invalid`" + `, ` + "`ds-out-drop-udp`" + `, ` + "`ds-out-drop-icmp`" + `, ` + "`ds-out-drop-other`" + `,
or ` + "`ds-out-drop-tcp`" + `. A process that took the proxy's user is told off by ` + "`ds-out-impersonation`" + `.

**A connection comes from outside.** If somebody in the pod listens where it is going, ` + "`ds-nat-in`" + ` leads it to the proxy's ingress; else
` + "`ds-in-refuse`" + ` refuses it, and ` + "`ds-out-kernel-reset`" + ` lets the refusal out. ` + "`ds-in-open`" + ` marks it *coming*, ` + "`ds-in-redirected`" + ` takes
what follows. The proxy's SYN+ACK leaves by ` + "`ds-out-proxy-synack`" + `, once the agent has marked the proxy's listener, its first packet proper by ` + "`ds-out-proxy-tcp`" + ` (or, before
it has accepted the connection, ` + "`ds-out-proxy-unowned`" + `), which marks it *proxy*. The proxy calls the application from an
address that only its ingress uses, and ` + "`ds-nat-out-ingress`" + ` leaves that call alone.

**The proxy calls its own pod** by the pod's address: ` + "`ds-nat-out-self`" + ` sends it through the ingress once, as it would any caller.

**Somebody calls a port of the proxy directly**: ` + "`ds-nat-in-own`" + ` leaves the destination as it is, and so ` + "`ds-in-direct`" + ` can tell and
drop it. Only ` + "`ds-in-ready`" + ` answers, for the kubelet. On loopback the explicit proxy answers the pod's own containers;
` + "`ds-out-stranger`" + ` refuses other processes in the pod's network namespace, such as the runtime's for kubectl port-forward.

**Somebody listens on a port of the proxy while the proxy is not there**, with the proxy's user: its SYN+ACKs do not bear the mark of the proxy's
listeners, so ` + "`ds-out-drop-tcp`" + ` drops them, and a caller learns nothing. If a caller completes the handshake without having seen the SYN+ACK, ` + "`ds-out-orphan`" + ` drops the
reset that ends the connection when the process closes the port.

**Somebody listens on a port of the proxy, too** (SO_REUSEPORT, with the proxy's user): a connection may be given to that
socket, but ` + "`ds-in-impostor`" + ` drops its data, and whatever it sends meets ` + "`ds-out-impersonation`" + ` or, after it has closed,
` + "`ds-out-drop-tcp`" + `, for the connection never gets the mark *proxy*.

**Somebody has the addresses and ports of a connection that the proxy has given up**, and conntrack still has its mark: ` + "`ds-in-crossed`" + `
and ` + "`ds-in-impostor`" + ` keep it from being called, and by the mark alone nothing leaves that has room for data.
`

func tableIntroduction(name string) string {
	return map[string]string{
		"filter": "The judgement. What no rule accepts is dropped.",
		"mangle": "The last look, when routing is final. What comes in is only held back here, never let in.",
		"nat":    "Routing only. It contains nothing: packets that it never sees are filter's to drop.",
	}[name]
}

// portName is what a port of the proxy is for.
func portName(n uint16) string {
	return map[uint16]string{
		apis.PortEgressTCP:  "transparent egress: all TCP that the pod's applications open",
		apis.PortEgressHTTP: "explicit HTTP proxy, for applications that ask for one",
		apis.PortIngressTCP: "transparent ingress: all TCP that comes from outside",
		apis.PortReady:      "readiness, for the kubelet",
		apis.PortDNS:        "DNS over UDP",
	}[n]
}

package redirect

import (
	"net/netip"
	"path"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
)

// Conntrack marks of connections. They belong to the pod's own network namespace: they meet no other tool's.
const (
	// Mark: a socket of the proxy has sent a packet of it.
	Mark uint32 = 0x1303
	// MarkComing: from outside, led to the proxy's port, and no socket of the proxy has answered yet.
	MarkComing uint32 = 0x11303
	// eitherMask makes both marks look alike.
	eitherMask uint32 = 0xffff
)

// EitherMark is what both marks of connections have in common.
func EitherMark() iptables.Mark { return iptables.Mark{Value: Mark, Mask: eitherMask} }

// SocketMark is the packet mark (SO_MARK) that the agent sets on the sockets with which the proxy listens for callers from outside. It
// identifies their SYN+ACKs, which show no control group. The mark does not leave the pod: the kernel clears it when a
// packet enters another network namespace.
const SocketMark uint32 = 0x21303

// MarkedPorts are the ports whose listeners must bear SocketMark: from them the proxy answers callers from outside.
func MarkedPorts() []uint16 { return []uint16{apis.PortIngressTCP, apis.PortReady} }

// The chains that mark a connection, and let the packet pass but for the last.
const (
	chainMark   = "DS-MARK"
	chainComing = "DS-COMING"
	chainRefuse = "DS-REFUSE" // marks and refuses
)

// Settings is what may differ between nodes.
type Settings struct {
	IPv6 bool // the kernel has IPv6; without it there is nothing to contain, and ip6tables fails
	// NoCounts: the kernel has no match connbytes. A client that ends its side at once then loses its answer; nothing else changes.
	NoCounts bool
	// LogDrops: what the last rules of chains drop is logged to DropGroup before, at most DropsPerSecond packets a second of each rule. No packet that
	// passes meets a rule that logs.
	LogDrops bool
	// NoLog: the kernel has no target NFLOG. Nothing is logged then; nothing else changes.
	NoLog bool
}

// Proxy is the proxy container of the pod, as far as it runs.
type Proxy struct {
	// Cgroup is its cgroup2 path, as /proc/PID/cgroup shows it in the host's cgroup namespace. Empty: it does not run,
	// and nothing leaves or enters the pod.
	Cgroup string
	// Pod is the cgroup2 path of the pod, which holds the cgroups of all its containers (see PodCgroup). Empty: not known, and
	// then no process other than the proxy's own calls a port of the proxy on loopback.
	Pod string
}

// PodCgroup returns the cgroup of the pod that the container with this cgroup belongs to. The kubelet names a pod's cgroup after the
// pod's UID, with either cgroup driver (systemd's has underscores); the runtimes put containers directly below. A
// parent without the UID in its name is shared with other processes of the node (cgroupsPerQOS: false): then it is empty.
func PodCgroup(container, uid string) string {
	parent, name := path.Dir(container), path.Base(path.Dir(container))
	if uid == "" || !strings.Contains(name, uid) && !strings.Contains(name, strings.ReplaceAll(uid, "-", "_")) {
		return ""
	}
	return parent
}

// Plan returns the complete desired ruleset of a foreign pod's network namespace, one per family.
func Plan(s Settings, p Proxy) []iptables.Ruleset {
	sets := []iptables.Ruleset{planner{family: ipv4(), proxy: p, counts: !s.NoCounts, log: s.LogDrops && !s.NoLog}.ruleset()}
	if s.IPv6 {
		sets = append(sets, planner{family: ipv6(), proxy: p, counts: !s.NoCounts, log: s.LogDrops && !s.NoLog}.ruleset())
	}
	return sets
}

// Closed returns rulesets by which nothing leaves or enters the pod, neighbour discovery included. They need no extension
// of the kernel and name nothing that may be gone: the last resort where Plan cannot be written.
func Closed(s Settings) []iptables.Ruleset {
	families := []family{ipv4()}
	if s.IPv6 {
		families = append(families, ipv6())
	}
	var sets []iptables.Ruleset
	for _, f := range families {
		sets = append(sets, iptables.Ruleset{Family: f.name, Tables: []iptables.Table{{Name: "filter", Chains: []iptables.Chain{
			{Name: "INPUT", Policy: iptables.Drop, Rules: closedBut(inLo())},
			{Name: "FORWARD", Policy: iptables.Drop, Rules: []iptables.Rule{closedRule()}},
			{Name: "OUTPUT", Policy: iptables.Drop, Rules: closedBut(outLo())},
		}}}})
	}
	return sets
}

// closedBut lets loopback and what else is given pass, and nothing more.
func closedBut(loopback iptables.Match, others ...iptables.Rule) []iptables.Rule {
	own := iptables.Rule{Matches: matches{loopback}, Target: iptables.Accept, Reason: "The pod talks to itself."}
	return slices.Concat([]iptables.Rule{own}, others, []iptables.Rule{closedRule()})
}

func closedRule() iptables.Rule {
	return iptables.Rule{Target: iptables.Drop, Reason: "Nothing else passes, also while the policy is not in force yet."}
}

// family is what differs between the address families.
type family struct {
	name        iptables.Family
	loopback    netip.Prefix // what is only ever reached through lo
	ingress     netip.Prefix // where the proxy's ingress calls applications from
	icmp        iptables.Protocol
	unreachable iptables.Reject
	header      uint16 // length in bytes of an IP and a TCP header without options
	discovery   bool   // neighbour discovery is made of packets that iptables sees (IPv4's ARP is not)
}

func ipv4() family {
	return family{
		name: iptables.V4, loopback: netip.MustParsePrefix("127.0.0.0/8"), ingress: only(apis.IngressSourceV4()),
		icmp: iptables.ICMP, unreachable: iptables.RejectICMP, header: 20 + 20,
	}
}

func ipv6() family {
	return family{
		name: iptables.V6, loopback: netip.MustParsePrefix("::1/128"), ingress: only(apis.IngressSourceV6()),
		icmp: iptables.ICMPv6, unreachable: iptables.RejectICMPv6, header: 40 + 20, discovery: true,
	}
}

// only is the prefix that holds the address and no other.
func only(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

type planner struct {
	family
	proxy  Proxy
	counts bool // the kernel counts packets and bytes of connections, and matches by them
	log    bool // see Settings.LogDrops
}

func (p planner) ruleset() iptables.Ruleset {
	return iptables.Ruleset{Family: p.name, Tables: []iptables.Table{p.filter(), p.mangle(), p.nat()}}
}

func (p planner) bound() bool { return p.proxy.Cgroup != "" }

// filter is the containment: what it does not name is dropped.
func (p planner) filter() iptables.Table {
	chains := []iptables.Chain{
		{Name: "INPUT", Policy: iptables.Drop, Rules: p.filterInput()},
		{Name: "FORWARD", Policy: iptables.Drop, Rules: []iptables.Rule{rule("forward-drop", "A pod forwards nothing.", nil, iptables.Drop)}},
		{Name: "OUTPUT", Policy: iptables.Drop, Rules: p.filterOutput()},
	}
	if p.bound() {
		chains = append(chains, markChains()...)
	}
	return iptables.Table{Name: "filter", Chains: chains}
}

func markChains() []iptables.Chain {
	setMark := func(m uint32) iptables.Target { return iptables.SetConnMark{Mark: iptables.WholeMark(m)} }
	return []iptables.Chain{
		{Name: chainMark, Policy: iptables.NoPolicy, Rules: []iptables.Rule{
			rule("mark", "The connection is the proxy's: whatever mark it had is overwritten.", nil, setMark(Mark)),
			rule("mark-accept", "And the packet passes.", nil, iptables.Accept),
		}},
		{Name: chainComing, Policy: iptables.NoPolicy, Rules: []iptables.Rule{
			rule("coming", "The connection comes to a port of the proxy; whether it is the proxy that answers is not known yet.",
				nil, setMark(MarkComing)),
			rule("coming-accept", "And the packet passes.", nil, iptables.Accept),
		}},
		{Name: chainRefuse, Policy: iptables.NoPolicy, Rules: []iptables.Rule{
			rule("refuse-mark", "By this mark the reset that follows may leave.", nil, setMark(MarkComing)),
			rule("refuse", "The reset carries no data. The connection ends before it has begun.",
				matches{iptables.TCP}, iptables.RejectReset),
		}},
	}
}

// mangle is the last look at packets, when routing is final: a socket bound to an interface can carry a redirected packet
// out of it after filter/OUTPUT took it for a local one.
func (p planner) mangle() iptables.Table {
	return iptables.Table{Name: "mangle", Chains: []iptables.Chain{
		{Name: "PREROUTING", Policy: iptables.Accept},
		{Name: "INPUT", Policy: iptables.Accept, Rules: p.mangleInput()},
		{Name: "FORWARD", Policy: iptables.Accept},
		{Name: "OUTPUT", Policy: iptables.Accept},
		{Name: "POSTROUTING", Policy: iptables.Drop, Rules: p.manglePostrouting()},
	}}
}

// nat leads connections to the proxy. It contains nothing: what it does not see is filter's to drop. So, as mangle, it is the
// same whether the proxy runs or not, and can be written before that is known.
func (p planner) nat() iptables.Table {
	return iptables.Table{Name: "nat", Chains: []iptables.Chain{
		{Name: "PREROUTING", Policy: iptables.Accept, Rules: p.natPrerouting()},
		{Name: "INPUT", Policy: iptables.Accept},
		{Name: "OUTPUT", Policy: iptables.Accept, Rules: p.natOutput()},
		{Name: "POSTROUTING", Policy: iptables.Accept},
	}}
}

// podCgroup is the cgroup below which processes may call the proxy's ports on loopback.
func (p planner) podCgroup() string {
	if p.proxy.Pod == "" {
		return p.proxy.Cgroup
	}
	return p.proxy.Pod
}

// containers is the cgroup that holds those of the pod's containers, and perhaps of others, but no socket of the kernel's own.
func (p planner) containers() string { return path.Dir(p.proxy.Cgroup) }

package ruleview

import (
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

// Connection is a connection of a pod's application, as its own network namespace sees it.
type Connection struct {
	Incoming bool
	Family   string // ipv4 or ipv6
	Protocol string // tcp, udp, sctp or icmp
	Port     uint16 // of the receiver
}

// hop is a rule that lets a connection go on.
type hop struct{ table, chain, name, does string }

// Way returns the rules by which a connection leaves or enters a foreign pod, each with what it does and its packets, or the rule that ends it; passes
// is whether the connection gets through the pod's own rules, by its proxy.
func Way(rules agentapi.PodRules, c Connection) (lines []string, passes bool) {
	if rules.State == agentapi.Exempt {
		return []string{"in the pod: no rule of ours, the pod is exempt"}, true
	}
	hops, otherwise := c.hops()
	if len(hops) == 0 {
		return []string{ending(rules, c, otherwise)}, false
	}
	for _, h := range hops {
		r, found := find(rules, c.Family, h.table, h.chain, h.name)
		if !found { // the proxy does not run, or the pod is quarantined
			return append(lines, ending(rules, c, otherwise)), false
		}
		lines = append(lines, fmt.Sprintf("in the pod: %s/%s %s (%d packets): %s", h.table, h.chain, h.name, r.Packets, h.does))
	}
	return lines, true
}

// hops returns the rules that a connection meets while the proxy runs, and the one that drops it where they are not there.
func (c Connection) hops() (hops []hop, otherwise string) {
	side := "out"
	if c.Incoming {
		side = "in"
	}
	otherwise = "ds-" + side + "-drop-other"
	if slices.Contains([]string{"tcp", "udp", "icmp"}, c.Protocol) {
		otherwise = "ds-" + side + "-drop-" + c.Protocol
	}
	toProxy := hop{"filter", "OUTPUT", "ds-out-redirected", "lets it go there"}
	leaves := hop{"mangle", "POSTROUTING", "ds-wire-proxy", "lets the proxy's connection leave the pod"}
	switch {
	case c.Incoming && c.Protocol == "tcp" && c.Port == apis.PortReady:
		return []hop{{"filter", "INPUT", "ds-in-ready", "lets the kubelet ask whether the proxy is ready"}}, otherwise
	case c.Incoming && c.Protocol == "tcp" && slices.Contains([]uint16{apis.PortEgressTCP, apis.PortIngressTCP}, c.Port):
		return nil, "ds-in-direct"
	case c.Incoming && c.Protocol == "tcp" && c.Port != apis.PortEgressHTTP:
		return []hop{
			{"nat", "PREROUTING", "ds-nat-in", "leads it to the proxy, if a process of the pod listens at the port; otherwise ds-in-refuse refuses it"},
			{"filter", "INPUT", "ds-in-redirected", "lets it reach the proxy, which calls the application"},
		}, otherwise
	case !c.Incoming && c.Protocol == "tcp":
		return []hop{
			{"nat", "OUTPUT", "ds-nat-out-tcp", "leads it to the proxy"}, toProxy,
			{"filter", "OUTPUT", "ds-out-proxy-tcp", "lets the proxy's own connection to the receiver out"}, leaves,
		}, otherwise
	case !c.Incoming && c.Protocol == "udp" && c.Port == 53:
		return []hop{
			{"nat", "OUTPUT", "ds-nat-out-dns", "leads it to the proxy"}, toProxy,
			{"filter", "OUTPUT", "ds-out-proxy-dns", "lets the proxy's own question out"}, leaves,
		}, otherwise
	}
	return nil, otherwise
}

// ending names what ends a connection: the rule of that name, or else the policy of the chain.
func ending(rules agentapi.PodRules, c Connection, name string) string {
	chain := "OUTPUT"
	if c.Incoming {
		chain = "INPUT"
	}
	if r, found := find(rules, c.Family, "filter", chain, name); found {
		return fmt.Sprintf("in the pod: refused by filter/%s %s (%d packets): %s The pod is %s", chain, name, r.Packets, r.Reason, rules.State)
	}
	return fmt.Sprintf("in the pod: refused, no rule of filter/%s lets it pass. The pod is %s", chain, rules.State)
}

// find returns the rule of a name in a chain.
func find(rules agentapi.PodRules, family, table, chain, name string) (agentapi.Rule, bool) {
	for _, c := range rules.Chains {
		if c.Family != family || c.Table != table || c.Name != chain {
			continue
		}
		for _, r := range c.Rules {
			if slices.ContainsFunc(strings.Fields(r.Words), func(word string) bool { return strings.Trim(word, `"`) == name }) && r.Reason != Unplanned {
				return r, true
			}
		}
	}
	return agentapi.Rule{}, false
}

package past

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// seen is a pod at the time, and the line of its node's log that has it.
type seen struct {
	netpolicy.Pod
	space map[string]string // labels of its namespace
	line  int64
	cut   bool // not all of it is in the line
	stale bool // from before the agent's last start, and not found again
}

// judging is a policy at the time.
type judging struct {
	netpolicy.Policy
	line  int64
	err   error // why the line does not have it
	stale bool
}

// node is what the log of one node has of the time.
type node struct {
	name     string
	pods     map[netpolicy.Key]seen
	policies map[netpolicy.Key]judging
	inForce  bool
	whole    bool   // since an agent's start the log has everything
	gap      string // why not
	stopped  bool   // no agent ran

	moments happening.Moments
	then    *node            // the node at the newest moment at which its clock passed the time
	earlier *node            // then, before that moment
	over    *node            // the node when its clock was set over the time
	passed  int              // at how many moments the clock passed the time
	turns   int              // how often the log went beyond the time
	twice   bool             // the clock passed the time more than once
	ahead   *happening.Event // that facts are missing, which happened after the time; more of the log follows
}

// Record is what the logs have of a time.
type Record struct {
	at    time.Time
	nodes map[string]*node
}

// New returns a record of which nothing was read yet.
func New(at time.Time) *Record { return &Record{at: at, nodes: map[string]*node{}} }

// Kinds returns the kinds of facts that Add reads.
func Kinds() []string {
	var all []string
	for _, kind := range []fact.Kind{fact.AgentStarted, fact.AgentStopped, fact.PolicyInForce, fact.PolicyChanged, fact.PodSeen, fact.FactsLost, fact.FactsCounted, fact.ClockStepped} {
		all = append(all, string(kind))
	}
	return all
}

// Expect adds a node, of whose log nothing may come.
func (r *Record) Expect(name string) { r.node(name) }

func (r *Record) node(name string) *node {
	n := r.nodes[name]
	if n == nil {
		n = &node{name: name, pods: map[netpolicy.Key]seen{}, policies: map[netpolicy.Key]judging{}, gap: "its log has no start of an agent up to then",
			moments: happening.Moments{At: r.at}}
		r.nodes[name] = n
	}
	return n
}

func (n *node) note(e happening.Event) {
	switch e.Kind {
	case string(fact.AgentStarted):
		n.restarted()
	case string(fact.AgentStopped):
		n.stopped = true
	case string(fact.PolicyInForce):
		n.inForce = true
		maps.DeleteFunc(n.pods, func(_ netpolicy.Key, p seen) bool { return p.stale })
		maps.DeleteFunc(n.policies, func(_ netpolicy.Key, p judging) bool { return p.stale })
	case string(fact.PodSeen):
		n.pod(e)
	case string(fact.PolicyChanged):
		n.policy(e)
	default:
		n.missing(e)
	}
}

// missing notes that facts are missing before this one, if it is one of these.
func (n *node) missing(e happening.Event) {
	switch {
	case e.Kind == string(fact.FactsLost):
		n.lost("facts were lost", e)
	case e.Kind == string(fact.FactsCounted) && (e.Reason == string(fact.PolicyChanged) || e.Reason == string(fact.PodSeen)):
		n.lost("more changed than the log has one by one", e)
	}
}

// restarted notes that an agent starts: it finds again what is there, and only that.
func (n *node) restarted() {
	n.whole, n.gap, n.stopped, n.inForce = true, "", false, false
	for key, p := range n.pods {
		p.stale = true
		n.pods[key] = p
	}
	for key, p := range n.policies {
		p.stale = true
		n.policies[key] = p
	}
}

func (n *node) lost(why string, e happening.Event) {
	n.whole, n.gap = false, fmt.Sprintf("%s (line %d)", why, e.Index)
}

func (n *node) pod(e happening.Event) {
	key := netpolicy.Key{Namespace: e.Namespace, Name: e.Pod}
	if e.Reason == "Gone" {
		delete(n.pods, key)
		return
	}
	p := seen{line: e.Index, cut: e.Details["cut"] != "", space: labelsIn(e.Details["spaceLabels"] + e.Details["spaceLabels2"])}
	p.Key, p.Node, p.Labels = key, n.name, labelsIn(e.Details["labels"]+e.Details["labels2"])
	for text := range strings.SplitSeq(e.Details["ips"], ",") {
		if ip, err := netip.ParseAddr(text); err == nil {
			p.IPs = append(p.IPs, ip)
		}
	}
	for text := range strings.SplitSeq(e.Details["ports"], ",") {
		if parts := strings.Split(text, "/"); len(parts) == 3 {
			number, err := strconv.ParseUint(parts[2], 10, 16)
			p.Ports = append(p.Ports, netpolicy.NamedPort{Name: parts[0], Protocol: netpolicy.Protocol(parts[1]), Number: uint16(number)})
			p.cut = p.cut || err != nil
		}
	}
	n.pods[key] = p
}

func (n *node) policy(e happening.Event) {
	_, name, _ := strings.Cut(e.Details["name"], "/")
	key := netpolicy.Key{Namespace: e.Namespace, Name: name}
	if e.Reason == "Deleted" {
		delete(n.policies, key)
		return
	}
	p := judging{line: e.Index}
	if p.Policy, p.err = netpolicy.ParseLines(key, strings.Split(e.Rules(), " | ")); e.Details["cut"] != "" {
		p.err = fmt.Errorf("%s bytes of its rules are not in the log", e.Details["cut"])
	}
	n.policies[key] = p
}

func labelsIn(text string) map[string]string {
	set := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if key, value, is := strings.Cut(pair, "="); is {
			set[key] = value
		}
	}
	return set
}

// names returns the nodes in order.
func names(nodes map[string]*node) []string { return slices.Sorted(maps.Keys(nodes)) }

func (a *Answer) cut(p seen) {
	if p.cut {
		a.missing(fmt.Sprintf("node %s, line %d: not all labels or ports of pod %s are in the log", p.Node, p.line, p.Key))
	}
}

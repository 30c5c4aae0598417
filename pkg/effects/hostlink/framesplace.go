package hostlink

import (
	"fmt"
	"reflect"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"data-space.liqo.io/pkg/effects/netns"
)

// Filtered is where the frames of a pod are filtered. Each link has two places: its end on the node, and its end in the
// pod, where a filter needs Linux 5.16. One of them is enough.
type Filtered struct {
	Node, Pod []string // links with a filter: the node's, the pod's
	Missing   []string // places that hold no filter, each with the cause
	Open      []string // links of the pod without a filter in either place
	Repaired  bool     // a filter had been changed by others, and is as planned again
	FromNode  uint64   // frames that the filters on the node have dropped since the last call
	FromPod   uint64   // the same, of the filters in the pod
}

// framesPlan is what is to stand in the two places.
type framesPlan struct {
	node, pod []chain
	links     []framesLink
}

// framesLink is one link of the pod.
type framesLink struct {
	inside, end string // names; end is empty if the link has none on this node
	claimed     string // why a filter on the node's end sees not every frame; empty: it does
}

// planFilters plans both places of every link. Where another program may take the frames first the filter stands all the
// same, and is not relied on.
func (h *Host) planFilters(sandbox string, found []link) framesPlan {
	var p framesPlan
	for _, l := range found {
		p.pod = append(p.pod, inPod(l.inside))
		entry := framesLink{inside: l.inside.Attrs().Name}
		switch l.end {
		case nil:
			entry.claimed = l.why.Error()
		default:
			p.node = append(p.node, onNode(sandbox, l.end))
			entry.end = l.end.Attrs().Name
			by, err := h.taken(l.end)
			if err != nil {
				by = err.Error()
			}
			if by != "" {
				entry.claimed = fmt.Sprintf("link %s of the node: %s may take its frames first", entry.end, by)
			}
		}
		p.links = append(p.links, entry)
	}
	return p
}

// conclude notes what stands. The errors say why a place holds no filter.
func (p framesPlan) conclude(out *Filtered, node, pod error) {
	if pod != nil {
		out.Missing = append(out.Missing, fmt.Sprintf("in the pod: the kernel has no netdev egress hook: %v", pod))
	}
	if node != nil {
		out.Missing = append(out.Missing, fmt.Sprintf("on the node: %v", node))
	}
	for _, l := range p.links {
		why := l.claimed
		if why == "" && node == nil {
			out.Node = append(out.Node, l.end)
		} else if why != "" {
			out.Missing = append(out.Missing, why)
		}
		if pod == nil {
			out.Pod = append(out.Pod, l.inside)
		}
		if pod != nil && (why != "" || node != nil) {
			out.Open = append(out.Open, l.inside)
		}
	}
}

// place is one of the two, and what came of it.
type place struct {
	ns    *netns.Namespace
	hook  *nftables.ChainHook
	known map[string]uint64 // what was dropped before, by chain
	first bool              // the pod has no filter yet: there is nothing to read

	counts         map[string]uint64
	dropped        uint64
	repaired       bool
	unable, failed error
}

// bring brings the place to the planned chains, in one transaction, unless it holds them.
func (p *place) bring(planned []chain) {
	p.counts = map[string]uint64{}
	missing, err := p.missing(planned)
	if err == nil && len(missing) > 0 {
		err = within(p.ns, func(conn *nftables.Conn) error {
			for _, c := range missing {
				c.put(conn)
			}
			return nil
		})
	}
	if err != nil {
		p.settle(err)
		return
	}
	for _, c := range missing {
		_, seen := p.known[c.Name]
		p.repaired = p.repaired || seen
		p.counts[c.Name] = 0
	}
}

// missing are the chains that the place does not hold as they are planned. Those that it holds are counted.
func (p *place) missing(planned []chain) ([]chain, error) {
	if p.first {
		return planned, nil
	}
	woken, err := awake(p.ns, frames())
	if err != nil {
		return nil, err
	}
	p.repaired = woken
	var missing []chain
	for _, c := range planned {
		same, now, err := look(p.ns, c)
		if err != nil {
			return nil, err
		}
		p.dropped += now - min(now, p.known[c.Name])
		if !same {
			missing = append(missing, c)
			continue
		}
		p.counts[c.Name] = now
	}
	return missing, nil
}

func (p *place) settle(err error) {
	if unsupported(err, p.hook) {
		p.unable = err
		return
	}
	p.failed = err
}

// look reports whether the kernel holds the chain as it is planned, and how many frames it has dropped.
func look(ns *netns.Namespace, c chain) (same bool, dropped uint64, err error) {
	all, err := chainsOf(ns, FramesTable, nftables.TableFamilyNetdev)
	for _, there := range all {
		if there.Name != c.Name {
			continue
		}
		var held [][]expr.Any
		err = within(ns, func(conn *nftables.Conn) error {
			rules, err := conn.GetRules(there.Table, there)
			for _, r := range rules {
				held = append(held, r.Exprs)
				dropped += takeCount(r.Exprs)
			}
			return err
		})
		return hooked(there, c) && reflect.DeepEqual(held, c.rules), dropped, err
	}
	return false, 0, err
}

// hooked reports whether a chain is where the other one is planned.
func hooked(there *nftables.Chain, c chain) bool {
	return there.Hooknum != nil && *there.Hooknum == *c.Hooknum && there.Priority != nil && *there.Priority == *c.Priority &&
		there.Policy != nil && *there.Policy == *c.Policy
}

// takeCount takes the counts out of a rule's expressions: what is left is the rule as it was written.
func takeCount(rule []expr.Any) (packets uint64) {
	for i, e := range rule {
		if counter, ok := e.(*expr.Counter); ok {
			packets += counter.Packets
			rule[i] = &expr.Counter{}
		}
	}
	return packets
}

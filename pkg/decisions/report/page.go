package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
)

// Page returns the page. Proofs have no text yet: Proofs names them.
func (c *Collector) Page() Page {
	for _, n := range c.nodes {
		for _, parts := range n.parts {
			happening.Sort(parts)
		}
	}
	p := Page{From: c.from, To: c.to, Drift: c.drift, Gaps: c.gaps, Changes: c.change}
	for _, l := range []*List{&p.Drift, &p.Gaps, &p.Changes} {
		l.trim()
		c.parts(l.Events)
	}
	for _, name := range slices.Sorted(maps.Keys(c.nodes)) {
		p.Nodes = append(p.Nodes, c.nodes[name].lived(c))
	}
	for _, id := range slices.Sorted(maps.Keys(c.guests)) {
		if g := c.guests[id]; id != "" || len(g.asked) > 0 || g.Refused.Total > 0 {
			p.Guests = append(p.Guests, g.shown(c))
		}
	}
	return p
}

func (g *Guest) shown(c *Collector) *Guest {
	g.Refused.trim()
	g.Pods, g.Asked = nil, nil
	for _, name := range slices.Sorted(maps.Keys(g.pods)) {
		pod := g.pods[name]
		pod.states = happening.InOrder(pod.states)
		pod.Spans = happening.Spans(pod.states, c.from, c.to)
		pod.Contained = happening.Share(pod.Spans)
		if len(pod.Spans) > 0 || pod.Drift > 0 {
			g.Pods = append(g.Pods, pod)
		}
	}
	c.own(g.ID, g.Refused.Events)
	c.parts(g.Refused.Events)
	g.Asked = slices.Collect(maps.Values(g.asked))
	slices.SortFunc(g.Asked, func(a, b *Asked) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Authority+a.Path, b.Authority+b.Path), strings.Compare(a.Method+a.Type+a.Direction, b.Method+b.Type+b.Direction))
	})
	for _, a := range g.Asked[min(len(g.Asked), MostAsked):] {
		g.More += a.Count
	}
	g.Asked = g.Asked[:min(len(g.Asked), MostAsked)]
	for _, a := range g.Asked {
		if e, is := c.proven[askedKey{g.ID, a.Type, a.Direction, a.Method, a.Authority, a.Path, a.Body}]; is {
			a.Proof = proofOf(e)
		} else {
			a.Proof = c.part(g.ID, a.Node, a.Last)
		}
	}
	return g
}

// parts names the lines that show the events of a record of requests which have none of their own.
func (c *Collector) parts(events []Listed) {
	for i, e := range events {
		if e.Proof.Index < 0 {
			events[i].Proof = c.part(e.Guest, e.Node, e.Time)
		}
	}
}

// part returns the line of a node's log that has the hash of the part of a guest's record that was written at a time: the first that was
// recorded afterwards.
func (c *Collector) part(guest, node string, at time.Time) Proof {
	parts := c.node(node).parts[guest]
	i, _ := slices.BinarySearchFunc(parts, at, func(e happening.Event, at time.Time) int { return e.Time.Compare(at) })
	if i == len(parts) {
		return Proof{Node: node, Index: -1}
	}
	return Proof{Node: node, Index: parts[i].Index}
}

// lived adds up when an agent ran. The end of an agent that was killed is not known: it counts up to the next start.
func (n *Node) lived(c *Collector) *Node {
	n.life = happening.InOrder(n.life)
	n.Spans, n.Starts, n.Kills, n.Covered = nil, 0, 0, 0
	for i, e := range n.life {
		if e.Kind != "AgentStarted" {
			continue
		}
		span := happening.Span{From: e.Time, To: c.to, State: "Enforced", Index: e.Index}
		if i+1 < len(n.life) {
			span.To = n.life[i+1].Time
		}
		if span.From.Before(c.from) {
			span.From = c.from
		}
		if span.To.After(c.to) {
			span.To = c.to
		}
		if !e.Time.Before(c.from) {
			n.Starts++
			if strings.HasPrefix(e.Details["before"], "ended without") {
				n.Kills++
			}
		}
		if span.From.Before(span.To) {
			n.Spans = append(n.Spans, span)
			n.Covered = min(1, n.Covered+float64(span.To.Sub(span.From))/float64(max(1, c.to.Sub(c.from))))
		}
	}
	return n
}

// Proofs returns the proofs of a page that a line of a log has, for their texts to be filled in.
func (p *Page) Proofs() []*Proof {
	var all []*Proof
	add := func(proof *Proof) {
		if proof.Index >= 0 {
			all = append(all, proof)
		}
	}
	lists := []*List{&p.Drift, &p.Gaps, &p.Changes}
	for _, g := range p.Guests {
		lists = append(lists, &g.Refused)
		for _, a := range g.Asked {
			add(&a.Proof)
		}
	}
	for _, l := range lists {
		for i := range l.Events {
			add(&l.Events[i].Proof)
		}
	}
	return all
}

package report

import (
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
)

// Bounds of the rows whose facts are remembered, of all guests and of each, which chooses what it asks for.
const (
	mostProven   = 4 * MostAsked * mostGuests / 10
	mostProvenOf = mostProven / 4
)

// AddFact adds an event of a guest's log of requests: the proof of what the record of requests has too. Requests to the API proxy are only there. It reports
// whether the event is kept as Add does.
func (c *Collector) AddFact(e happening.Event) (kept bool) {
	if e.Time.Before(c.from) || e.Time.After(c.to) {
		return false
	}
	if e.Kind == "APIRequested" {
		kept = c.Add(e)
	}
	k := keyOf(e)
	e = shown(e)
	switch known, is := c.proven[k]; {
	case is && !e.Time.Before(known.Time):
		c.proven[k] = e
	case !is && len(c.proven) < mostProven && c.provenOf[e.Guest] < mostProvenOf:
		c.proven[k] = e
		c.provenOf[e.Guest]++
	}
	if e.Verdict == happening.Refused && (len(c.refusals) < mostGuests || c.refusals[e.Guest].Total > 0) {
		l := c.refusals[e.Guest]
		l.add(e)
		c.refusals[e.Guest] = l
	}
	return kept
}

// identity identifies an event of the record of requests and its fact: both have the time of the same line.
type identity struct {
	node, namespace, pod string
	at                   time.Time
}

func identityOf(e happening.Event) identity {
	return identity{e.Node, e.Namespace, e.Pod, e.Time.UTC()}
}

// own names the facts of a guest's events, where its log has them.
func (c *Collector) own(guest string, events []Listed) {
	facts := map[identity]Proof{}
	for _, l := range c.refusals[guest].Events {
		p, id := l.Proof, identityOf(l.Event)
		if _, twice := facts[id]; twice {
			p.Index = -1 // of which one it is the fact is not known
		}
		facts[id] = p
	}
	for i, e := range events {
		if p, is := facts[identityOf(e.Event)]; is && e.Index < 0 && p.Index >= 0 {
			events[i].Proof = p
		}
	}
}

package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/values/fact"
)

// Page is all that the page shows.
type Page struct {
	From, To time.Time
	Guests   []*Guest
	Nodes    []*Node
	Drift    List
	Gaps     List
	Changes  List // of policies, settings and versions
	Logs     []Log
}

// Log is a log whose proofs the page has, with its public keys.
type Log struct {
	Node, Guest string // an empty guest: the node's log
	Origin      string
	Keys        []string
}

// Guest is a guest's part of the page.
type Guest struct {
	ID      string
	Pods    []*Pod
	Asked   []*Asked
	More    int64 // requests of rows that are left out
	Left    int64 // facts about how pods were held that are left out
	Open    int64 // of these, that the pod was not contained
	Refused List
	Passed  [Buckets]int64
	Stopped [Buckets]int64

	pods  map[string]*Pod
	asked map[askedKey]*Asked
}

// Pod is one pod of a guest.
type Pod struct {
	Name, Node string
	Spans      []happening.Span
	Contained  float64 // part of the time
	Drift      int64

	states []happening.Event
}

// Asked is what pods asked of one receiver, by path, or were asked.
type Asked struct {
	Type, Direction, Method, Authority, Path string
	Body                                     bool // record.UnusualBody
	Count, Refused                           int64
	First, Last                              time.Time
	Node                                     string // of the newest
	Proof                                    Proof  // of the newest that the guest's log has, or else of the part of the record that has the newest
}

type askedKey struct {
	guest, kind, direction, method, authority, path string
	body                                            bool
}

// keyOf returns the row that an event belongs to.
func keyOf(e happening.Event) askedKey {
	path, _, _ := strings.Cut(e.Path, "?")
	return askedKey{guest: e.Guest, kind: e.Type, direction: cut(e.Direction), method: cut(e.Method), authority: cut(cmp.Or(e.Authority, e.To)), path: cut(path), body: e.Body > 0}
}

// Node is one node's part of the page.
type Node struct {
	Name          string
	Starts, Kills int64
	Covered       float64 // part of the time in which an agent is known to have run
	Spans         []happening.Span

	life  []happening.Event
	parts map[string][]happening.Event // facts about parts of the record, by guest
}

// Collector adds events up. They may come in any order.
type Collector struct {
	from, to            time.Time
	guests              map[string]*Guest
	nodes               map[string]*Node
	drift, gaps, change List
	proven              map[askedKey]happening.Event // of a guest's rows: the newest fact
	provenOf            map[string]int               // how many of them each guest has
	refusals            map[string]List              // by guest: the newest facts of refusals
}

// New returns a collector for a time.
func New(from, to time.Time) *Collector {
	return &Collector{from: from, to: to, guests: map[string]*Guest{}, nodes: map[string]*Node{}, proven: map[askedKey]happening.Event{}, provenOf: map[string]int{}, refusals: map[string]List{}}
}

// Add adds an event, and reports whether it is kept as a whole: of the others only a bounded number is in memory, however many are added.
func (c *Collector) Add(e happening.Event) (kept bool) {
	node := c.node(e.Node)
	if e.Type == happening.State && e.Kind == "PodStateChanged" {
		kept = c.guest(e.Guest).held(e, c.from)
	}
	if e.Kind == "AgentStarted" || e.Kind == "AgentStopped" {
		node.life = append(node.life, e)
		kept = true
	}
	if e.Time.Before(c.from) || e.Time.After(c.to) {
		return kept
	}
	switch e.Type {
	case happening.Books:
		if e.Kind != string(fact.PodSeen) {
			node.parts[e.Guest] = append(node.parts[e.Guest], happening.Event{Time: e.Time, Index: e.Index})
			kept = true
		}
	case happening.Request, happening.Connection, happening.Name:
		c.guest(e.Guest).ask(e, c.bucket(e.Time))
	case happening.Drop:
		c.guest(e.Guest).Refused.add(e)
		if e.Kind != string(fact.DestinationDropped) { // its packets are among those of PacketsDropped
			c.guest(e.Guest).Stopped[c.bucket(e.Time)] += max(1, e.Count)
		}
	case happening.Drift:
		c.drift.add(e)
		if p := c.guest(e.Guest).pod(e); p != nil {
			p.Drift++
		}
	case happening.Gap:
		c.gaps.add(e)
	case happening.Policy, happening.Agent:
		c.change.add(e)
	}
	return kept
}

func (c *Collector) bucket(at time.Time) int {
	return min(Buckets-1, int(Buckets*at.Sub(c.from)/max(1, c.to.Sub(c.from))))
}

func (c *Collector) node(name string) *Node {
	if c.nodes[name] == nil {
		c.nodes[name] = &Node{Name: name, parts: map[string][]happening.Event{}}
	}
	return c.nodes[name]
}

func (c *Collector) guest(id string) *Guest {
	if c.guests[id] == nil && len(c.guests) >= mostGuests {
		id = "further guests"
	}
	if c.guests[id] == nil {
		c.guests[id] = &Guest{ID: id, pods: map[string]*Pod{}, asked: map[askedKey]*Asked{}}
	}
	return c.guests[id]
}

func (g *Guest) pod(e happening.Event) *Pod {
	name := e.Namespace + "/" + e.Pod
	if e.Pod == "" || g.pods[name] == nil && len(g.pods) >= MostPods {
		return nil
	}
	if g.pods[name] == nil {
		g.pods[name] = &Pod{Name: name}
	}
	g.pods[name].Node = e.Node
	return g.pods[name]
}

// held adds a state of a pod, and reports whether it was kept. It keeps states from before the page's time too: the newest of them is the pod's state when that time begins. It forgets a pod that
// ended before that time, since a guest may have had any number of such pods.
func (g *Guest) held(e happening.Event, from time.Time) (kept bool) {
	to := e.Details["to"]
	p := g.pod(e)
	switch {
	case p != nil:
		p.states, kept = append(p.states, e), true
	case e.Pod != "" && !e.Time.Before(from):
		g.Left++
		if !happening.Contained(to) && to != "Gone" && to != "Pending" {
			g.Open++
		}
	}
	if p != nil && to == "Gone" && e.Time.Before(from) && !slices.ContainsFunc(p.states, func(s happening.Event) bool { return s.Time.After(e.Time) }) {
		delete(g.pods, p.Name)
		return false
	}
	return kept
}

func (g *Guest) ask(e happening.Event, bucket int) {
	refused := e.Verdict == happening.Refused
	if refused {
		g.Stopped[bucket]++
		g.Refused.add(e)
	} else {
		g.Passed[bucket]++
	}
	k := keyOf(e)
	a := g.asked[k]
	if a == nil {
		if len(g.asked) >= 4*MostAsked {
			g.More++
			return
		}
		a = &Asked{Type: e.Type, Direction: k.direction, Method: k.method, Authority: k.authority, Path: k.path, Body: k.body, First: e.Time}
		g.asked[k] = a
	}
	a.Count++
	if refused {
		a.Refused++
	}
	if e.Time.Before(a.First) {
		a.First = e.Time
	}
	if !e.Time.Before(a.Last) {
		a.Last, a.Node = e.Time, e.Node
	}
}

func cut(text string) string { return cutTo(text, longest) }

func cutTo(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

package report

import (
	"slices"

	"data-space.liqo.io/pkg/decisions/happening"
)

// List is the newest of some events.
type List struct {
	Events []Listed // newest first
	Total  int64
}

// Listed is an event with its proof.
type Listed struct {
	happening.Event
	Proof Proof
}

// Proof names the line of a log that shows something, and its proof.
type Proof struct {
	Node  string
	Log   string // the guest whose log of requests it is; empty: the node's log
	Index int64  // -1: no line
	Text  string // empty: the proof is missing, or was not fetched yet
}

// add keeps the newest.
func (l *List) add(e happening.Event) {
	l.Total++
	l.Events = append(l.Events, Listed{Event: shown(e), Proof: proofOf(e)})
	if len(l.Events) >= 2*MostListed {
		l.trim()
	}
}

// shown returns of an event what a list shows and compares. An agent's answer may have more, if root of its node likes.
func shown(e happening.Event) happening.Event {
	return happening.Event{
		Time: e.Time, Node: e.Node, Guest: cutTo(e.Guest, mostText), Namespace: cutTo(e.Namespace, mostText), Pod: cutTo(e.Pod, mostText), Type: e.Type, Verdict: e.Verdict,
		What: cutTo(e.What, mostText), Index: e.Index, Log: e.Log, Kind: cutTo(e.Kind, mostText), Body: e.Body,
	}
}

func (l *List) trim() {
	slices.SortStableFunc(l.Events, func(a, b Listed) int { return b.Time.Compare(a.Time) })
	l.Events = l.Events[:min(len(l.Events), MostListed)]
}

func proofOf(e happening.Event) Proof { return Proof{Node: e.Node, Log: e.Log, Index: e.Index} }

package happening

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Span is a time during which a pod was held in one way.
type Span struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	State string    `json:"state"`
	Index int64     `json:"index"` // of the fact that began it
}

// Spans returns how a pod was held between two moments, from its facts in their order. Before its first fact nothing is known of the pod, and
// that is no span; nor is the time in which a pod waits for its sandbox, or has ended.
func Spans(states []Event, from, to time.Time) []Span {
	var all []Span
	for _, e := range states {
		if e.Kind != "PodStateChanged" {
			continue
		}
		if n := len(all); n > 0 {
			all[n-1].To = e.Time
		}
		all = append(all, Span{From: e.Time, To: to, State: e.Details["to"], Index: e.Index})
	}
	for i := len(all) - 2; i >= 0; i-- { // a clock that was set back: what came before is no later than what came after
		if next := all[i+1].From; all[i].From.After(next) {
			all[i].From = next
		}
	}
	var within []Span
	for _, s := range all {
		if s.From.Before(from) {
			s.From = from
		}
		if s.To.After(to) {
			s.To = to
		}
		if s.State != "Gone" && s.State != "Pending" && s.From.Before(s.To) {
			within = append(within, s)
		}
	}
	return within
}

// Contained reports whether nothing leaves a pod in a state except by its proxy.
func Contained(state string) bool {
	return state == "Enforced" || state == "Closed" || state == "Quarantined"
}

// Share returns which part of the time of spans a pod was contained, from 0 to 1; 1 for no time.
func Share(spans []Span) float64 {
	var held, all time.Duration
	for _, s := range spans {
		d := s.To.Sub(s.From)
		all += d
		if Contained(s.State) {
			held += d
		}
	}
	if all == 0 {
		return 1
	}
	return float64(held) / float64(all)
}

// InOrder returns events in the order of their logs, which is that in which they happened, also if a node's clock was set. Those of several nodes are merged by
// their times.
func InOrder(events []Event) []Event {
	byNode := map[string][]Event{}
	for _, e := range events {
		byNode[e.Node] = append(byNode[e.Node], e)
	}
	for _, of := range byNode {
		slices.SortStableFunc(of, func(a, b Event) int { return cmp.Compare(a.Index, b.Index) })
	}
	nodes := slices.Sorted(maps.Keys(byNode))
	all := make([]Event, 0, len(events))
	for len(all) < len(events) {
		next, found := "", false
		for _, node := range nodes {
			if left := byNode[node]; len(left) > 0 && (!found || left[0].Time.Before(byNode[next][0].Time)) {
				next, found = node, true
			}
		}
		all = append(all, byNode[next][0])
		byNode[next] = byNode[next][1:]
	}
	return all
}

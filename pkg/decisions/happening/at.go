package happening

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"data-space.liqo.io/pkg/values/fact"
)

// Held is what the log of a node has of a pod at a time.
type Held struct {
	Node   string    `json:"node"`
	Pod    string    `json:"pod"`
	Guest  string    `json:"guest"`
	At     time.Time `json:"at"`
	State  Event     `json:"state"`           // the fact that began how the pod was held
	Agent  string    `json:"agent"`           // whether an agent ran
	Clock  string    `json:"clock,omitempty"` // that the node's clock passed the time more than once
	Before []Event   `json:"before"`          // drift, drops and failures of the pod in the day before, and that facts are missing
	After  *Event    `json:"after,omitempty"` // the fact that ended it
	// Policies are the newest facts about each NetworkPolicy of the pod's namespace that the log has.
	Policies []Event `json:"policies"`
}

// day is how far back Before goes.
const day = 24 * time.Hour

// At returns how a pod was held on each node at a time, from all facts of the nodes' logs. A node that has no fact of the pod up to then is left
// out, and so is one on which it had ended. Of a node whose clock was set back, and passed the time again, each of these moments is returned.
func At(events []Event, namespace, pod string, at time.Time) []Held {
	byNode := map[string][]Event{}
	for _, e := range events {
		byNode[e.Node] = append(byNode[e.Node], e)
	}
	var all []Held
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		places := moments(byNode[node], at)
		for i, place := range places {
			h, held := atNode(byNode[node], place, namespace, pod, at)
			if h.Node = node; len(places) > 1 {
				h.Clock = fmt.Sprintf("the node's clock was set back: this is moment %d of %d at which it showed this time", i+1, len(places))
			}
			if held {
				all = append(all, h)
			}
		}
	}
	return all
}

// atNode returns how a pod was held when the log of a node had so many lines, at a time.
func atNode(events []Event, lines int, namespace, pod string, at time.Time) (h Held, held bool) {
	h = Held{Pod: namespace + "/" + pod, At: at, Agent: "not known: the log has no start of an agent up to then", Before: []Event{}, Policies: []Event{}}
	policies := map[string]Event{}
	for i, e := range events { // a log's order counts, not its times
		own := e.Namespace == namespace && e.Pod == pod
		if e.hidesStates(own) && !e.Since().After(at) && e.Time.After(at.Add(-day)) {
			h.Before = append(h.Before, e)
			continue
		}
		if i >= lines {
			if own && e.Kind == "PodStateChanged" && h.After == nil {
				h.After = &events[i]
			}
			continue
		}
		switch {
		case own && e.Kind == "PodStateChanged":
			h.State, h.Guest, held = e, e.Guest, e.Details["to"] != "Gone"
		case own && e.Time.After(at.Add(-day)) && (e.Warning || e.Type == Drift || e.Type == Drop):
			h.Before = append(h.Before, e)
		case e.Kind == "AgentStarted":
			h.Agent = "an agent ran, started at " + e.Time.UTC().Format(time.RFC3339) + ", version " + e.Details["version"]
			doubt(policies)
		case e.Kind == "AgentStopped":
			h.Agent = "no agent ran since " + e.Time.UTC().Format(time.RFC3339) + "; the rules stayed in place"
		case e.Kind == "PolicyChanged" && e.Namespace == namespace:
			policies[e.Details["name"]] = e
		}
	}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		h.Policies = append(h.Policies, policies[name])
	}
	return h, held
}

// doubt notes of policies that an agent starts again, which records those that are there. One that was deleted while no agent ran has no line of that.
func doubt(policies map[string]Event) {
	const doubted = " (before the agent's last start, and not recorded again)"
	for name, e := range policies {
		e.What = strings.TrimSuffix(e.What, doubted) + doubted
		policies[name] = e
	}
}

// hidesStates reports whether facts about how the pod was held may be missing before this one. own: it is about the pod.
func (e Event) hidesStates(own bool) bool {
	return e.Kind == string(fact.FactsLost) || own && e.Kind == string(fact.FactsCounted) && e.Reason == string(fact.PodStateChanged)
}

// Rules returns the words of a fact about a policy, whose details have them in parts.
func (e Event) Rules() string {
	return strings.Join([]string{e.Details["rules"], e.Details["rules2"], e.Details["rules3"], e.Details["rules4"]}, "")
}

package happening

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"data-space.liqo.io/pkg/values/fact"
)

// Event is one thing that happened on a node.
type Event struct {
	Time      time.Time `json:"time"`
	Node      string    `json:"node"`
	Guest     string    `json:"guest,omitempty"`
	Namespace string    `json:"namespace,omitempty"`
	Pod       string    `json:"pod,omitempty"`
	Type      string    `json:"type"`
	Verdict   string    `json:"verdict,omitempty"`
	What      string    `json:"what"`
	Index     int64     `json:"index"`          // of the fact in its log; -1: it is of the record of requests
	Log       string    `json:"log,omitempty"`  // the guest whose log of requests it is in; empty: the node's log
	Kind      string    `json:"kind,omitempty"` // of the fact
	Reason    string    `json:"reason,omitempty"`
	Warning   bool      `json:"warning,omitempty"`
	Count     int64     `json:"count,omitempty"`

	Direction string `json:"direction,omitempty"`
	Method    string `json:"method,omitempty"`
	Authority string `json:"authority,omitempty"`
	Path      string `json:"path,omitempty"`
	To        string `json:"to,omitempty"`
	Code      int    `json:"code,omitempty"`
	Body      int64  `json:"body,omitempty"` // record.UnusualBody

	Details map[string]string `json:"details,omitempty"`
}

// Types of events.
const (
	Request    = "request"
	Connection = "connection"
	Name       = "name"
	Drop       = "drop"
	Drift      = "drift"
	State      = "state"
	Policy     = "policy"
	Agent      = "agent"
	Gap        = "gap"
	Other      = "event"
	// Books are facts that have the hashes of other records, or what policies see of each pod: they are chosen only if they are named.
	Books = "books"
)

// Types returns all types.
func Types() []string {
	return []string{Request, Connection, Name, Drop, Drift, State, Policy, Agent, Gap, Other}
}

// Verdicts of events.
const (
	Forwarded = "forwarded" // it passed
	Refused   = "refused"   // the proxy, the policies or the admission refused it
	Repaired  = "repaired"
)

// Verdicts returns all verdicts.
func Verdicts() []string { return []string{Forwarded, Refused, Repaired} }

// typeOf returns the type of a fact.
func typeOf(kind string) string {
	switch {
	case kind == string(fact.RequestsRecorded), kind == string(fact.PodSeen):
		return Books
	case strings.Contains(kind, "Drift") || slices.Contains([]string{"MarkCollision", "PolicyBypassed"}, kind):
		return Drift
	case strings.Contains(kind, "Refused") && kind != string(fact.WitnessRefused), kind == "ProxyAnswers", strings.HasSuffix(kind, "Dropped"):
		return Drop
	case slices.Contains([]fact.Kind{fact.FactsLost, fact.SegmentsRemoved, fact.TailCut, "RequestsMissing"}, fact.Kind(kind)):
		return Gap
	case strings.HasPrefix(kind, "Policy"), strings.HasPrefix(kind, "GuestPolicy"):
		return Policy
	case strings.HasPrefix(kind, "Agent"), strings.HasPrefix(kind, "Program"), strings.HasPrefix(kind, "Log"), strings.HasPrefix(kind, "Key"),
		kind == string(fact.ConfigurationChanged), kind == string(fact.ClockStepped), kind == string(fact.WitnessRefused):
		return Agent
	case slices.Contains([]string{string(fact.PodStateChanged), "Enforced", "Quarantined", "RedirectFailed", "ProxyNotRunning", "ProxyMissing", "GuestSuspended", "FoundUnenforced"}, kind):
		return State
	}
	return Other
}

// OfFact returns the event of a fact; ok is false for facts that only keep the books: what they are about is in the record of requests.
func OfFact(node string, f fact.Recorded) (e Event, ok bool) {
	kind := string(f.Kind)
	if slices.Contains([]string{"RequestsJoined", "RequestsSigned", "Requested", "Connected", "NameAsked"}, kind) {
		return Event{}, false
	}
	e = Event{
		Time: f.Time, Node: node, Guest: f.Subject.Guest, Namespace: f.Subject.Namespace, Pod: f.Subject.Pod, Type: typeOf(kind), Index: f.Index, Kind: kind, Reason: f.Reason,
		Warning: f.Warning, Count: f.Count, Details: f.Details,
	}
	if d := f.Details; f.Kind == fact.DestinationDropped && d["address"] != "" {
		e.Direction, e.To = d["direction"], d["address"]
		if strings.Contains(e.To, ":") {
			e.To = "[" + e.To + "]"
		}
		if d["port"] != "" {
			e.To += ":" + d["port"]
		}
	}
	if f.Kind == fact.Impersonated && f.Reason != fact.Allowed {
		e.Type = Drop
	}
	switch {
	case e.Type == Drop:
		e.Verdict = Refused
	case strings.HasSuffix(kind, "Repaired"):
		e.Verdict = Repaired
	}
	text := kind
	if f.Reason != "" {
		text += " (" + f.Reason + ")"
	}
	if f.Count > 1 {
		text += fmt.Sprintf(" ×%d", f.Count)
	}
	e.What = strings.TrimSuffix(text+": "+f.Message, ": ")
	return e, true
}

// Filter chooses events. Its zero value chooses all.
type Filter struct {
	Guest, Namespace, Pod string
	Types, Verdicts       []string
	Since                 time.Time
}

// Check returns what is wrong with the filter, by the names of the flags.
func (f Filter) Check() error {
	for name, list := range map[string][2][]string{"type": {f.Types, Types()}, "verdict": {f.Verdicts, Verdicts()}} {
		for _, text := range list[0] {
			if !slices.Contains(list[1], text) {
				return fmt.Errorf("--%s=%q: unknown; known: %s", name, text, strings.Join(list[1], ", "))
			}
		}
	}
	return nil
}

// Chooses reports whether an event is asked for.
func (f Filter) Chooses(e Event) bool {
	if e.Type == Books && !slices.Contains(f.Types, Books) {
		return false
	}
	return (f.Guest == "" || e.Guest == f.Guest) && (f.Namespace == "" || e.Namespace == f.Namespace) && (f.Pod == "" || e.Pod == f.Pod) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, e.Type)) && (len(f.Verdicts) == 0 || slices.Contains(f.Verdicts, e.Verdict)) &&
		(f.Since.IsZero() || !e.Time.Before(f.Since))
}

// mostCounted is twice the time in which agents count facts.
const mostCounted = 2 * time.Minute

// Since returns from when on facts may be missing before this one, which counts them or reports that they were lost. A guest chooses how often its pods' labels
// change.
func (e Event) Since() time.Time {
	if at, err := time.Parse(time.RFC3339Nano, e.Details[fact.DetailSince]); err == nil {
		return at
	}
	return e.Time.Add(-mostCounted) // of an agent of an earlier release
}

// Sort sorts events by time; those of one time stay in their order.
func Sort(events []Event) {
	slices.SortStableFunc(events, func(a, b Event) int { return a.Time.Compare(b.Time) })
}

// Of returns the pod of an event as NAMESPACE/NAME, or the node that it is about.
func (e Event) Of() string {
	if e.Pod == "" {
		return cmp.Or(e.Namespace, "node "+e.Node)
	}
	return e.Namespace + "/" + e.Pod
}

package happening

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

// OfLine returns the event of a line of the record of requests; ok is false for lines that are neither the end of a request or connection,
// nor a name that was asked for, nor a gap. The beginning of a request is left out: its end has all that it has.
func OfLine(node string, line []byte) (e Event, ok bool) {
	var l record.Entry
	if json.Unmarshal(line, &l) != nil {
		return Event{}, false
	}
	e = Event{Node: node, Guest: l.Source.Guest, Namespace: l.Source.Namespace, Pod: l.Source.Pod, Index: -1}
	e.Time, _ = time.Parse(time.RFC3339Nano, l.Time) // the zero time if the container runtime wrote no valid time
	if l.Gap != nil {
		e.Type, e.Warning, e.Kind, e.Count = Gap, true, l.Gap.Reason, l.Gap.Bytes
		e.What = fmt.Sprintf("a part of the log is missing: %s, %d bytes", l.Gap.Reason, l.Gap.Bytes)
		return e, true
	}
	if l.Source.Container == apis.ResolverContainerName {
		pod, rest, asked := record.Question(l.Text)
		return e.name(pod, rest), asked
	}
	answer, ended := record.ParseAnswer(l)
	g := record.ParseLogged(l)
	if !ended && g.Event != "Unread" {
		return Event{}, false
	}
	e.Direction, e.Method, e.Authority, e.Path, e.To, e.Code = g.Direction, g.Method, cmp.Or(g.Authority, g.SNI), g.Path, g.Destination, int(g.Code)
	e.Type, e.Verdict = Connection, Forwarded
	e.What = strings.TrimSpace(cmp.Or(g.Kind, "connection") + " " + g.Destination + " " + g.SNI)
	switch {
	case !ended:
		e.What = fmt.Sprintf("%s: the %s are not read: %s", g.Destination, g.Side, g.Reason)
	case g.Method != "":
		e.Type, e.What, e.Body = Request, fmt.Sprintf("%s -> %d", g.Asked(), g.Code), record.UnusualBody(g.Method, g.Bytes)
	}
	if reason := refusal(answer); reason != "" {
		e.Verdict, e.What = Refused, e.What+" ("+reason+")"
	}
	return e, true
}

// refusal returns why the proxy answered in the server's place, or that the server refused the request; "" for any other answer.
func refusal(a record.Answer) string {
	switch own := a.Own(); {
	case strings.HasPrefix(a.Details, "rbac_access_denied"):
		return "the proxy refuses the destination"
	case own != "":
		return own
	case a.Code == 401, a.Code == 403, a.Code == 407:
		return "the server refuses it"
	}
	return ""
}

// name returns the event of a line of the guests' resolver: which pod asked for which name.
func (e Event) name(pod, rest string) Event {
	e.Namespace, e.Pod, _ = strings.Cut(pod, "/")
	e.Type, e.Verdict, e.What = Name, Forwarded, rest
	answer, name, found := strings.Cut(rest, " name=") // the pod chooses the name
	if found {
		e.Authority, e.What = name, name+" ("+answer+")"
	}
	if strings.Contains(answer, "refused=") || strings.Contains(answer, "rcode=REFUSED") || strings.Contains(answer, "rcode=NXDOMAIN") {
		e.Verdict = Refused
	}
	return e
}

// OfGuestFact returns the event of a fact of the log of a guest's requests; ok is false for facts that only keep the books, and for the kubelet's
// probes. A request to the API proxy is in no other record.
func OfGuestFact(node, log string, f fact.Recorded) (e Event, ok bool) {
	e = Event{
		Time: f.Time, Node: node, Guest: f.Subject.Guest, Namespace: f.Subject.Namespace, Pod: f.Subject.Pod, Log: log, Index: f.Index, Kind: string(f.Kind), Verdict: Forwarded,
	}
	if r := f.Request; r != nil {
		if r.Probe {
			return Event{}, false
		}
		e.Direction, e.Method, e.Authority, e.Path, e.To = r.Direction, r.Method, r.Authority, r.Path, r.Destination
		e.Body = record.UnusualBody(r.Method, r.Received)
		if r.Proxy != "" || slices.Contains([]string{"401", "403", "407", "NXDOMAIN", "REFUSED"}, r.Status) {
			e.Verdict = Refused
		}
	}
	switch f.Kind {
	case fact.Requested:
		e.Type = Request
	case fact.Connected:
		e.Type = Connection
	case fact.NameAsked:
		e.Type, e.Direction = Name, ""
	case fact.APIRequested:
		d := f.Details
		e.Type, e.Direction, e.Method, e.Authority, e.Path = Request, "API proxy", d["verb"], cmp.Or(d["resource"], d["path"]), ""
		if d["object"] != "" {
			e.Path = "/" + d["object"]
		}
		e.What = f.Message
		if f.Warning {
			e.Verdict = Refused
		}
	default:
		return Event{}, false
	}
	return e, true
}

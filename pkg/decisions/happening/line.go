package happening

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/values/apis"
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
	e.Direction, e.Method, e.Authority, e.Path, e.To, e.Code = g.Direction, g.Method, g.Authority, g.Path, g.Destination, int(g.Code)
	e.Type, e.Verdict = Connection, Forwarded
	e.What = strings.TrimSpace(cmp.Or(g.Kind, "connection") + " " + g.Destination + " " + g.SNI)
	switch {
	case !ended:
		e.What = fmt.Sprintf("%s: the %s are not read: %s", g.Destination, g.Side, g.Reason)
	case g.Method != "":
		e.Type, e.What = Request, fmt.Sprintf("%s %s%s -> %d", g.Method, g.Authority, g.Path, g.Code)
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

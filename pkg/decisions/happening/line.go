package happening

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// entry is a line of the record of requests, as docs/record.md has it.
type entry struct {
	Time   string `json:"time"`
	Source struct {
		Guest, Namespace, Pod, Container string
	} `json:"source"`
	Text string `json:"text"`
	Gap  *struct {
		Reason string
		Bytes  int64
	} `json:"gap"`
	Log *struct {
		Event       string `json:"event"`
		Direction   string `json:"direction"`
		Kind        string `json:"kind"`
		Method      string `json:"method"`
		Authority   string `json:"authority"`
		Path        string `json:"path"`
		Destination string `json:"original_destination"`
		SNI         string `json:"sni"`
		Side        string `json:"side"`
		Reason      string `json:"reason"`
		Code        int    `json:"response_code"`
		Flags       string `json:"response_flags"`
		Details     string `json:"response_code_details"`
	} `json:"log"`
}

const questionPrefix = "[INFO] pod="

// OfLine returns the event of a line of the record of requests; ok is false for lines that are neither the end of a request or connection,
// nor a name that was asked for, nor a gap. The beginning of a request is left out: its end has all that it has.
func OfLine(node string, line []byte) (e Event, ok bool) {
	var l entry
	if json.Unmarshal(line, &l) != nil {
		return Event{}, false
	}
	e = Event{Node: node, Guest: l.Source.Guest, Namespace: l.Source.Namespace, Pod: l.Source.Pod, Index: -1}
	e.Time, _ = time.Parse(time.RFC3339Nano, l.Time)
	switch {
	case l.Gap != nil:
		e.Type, e.Warning, e.Kind, e.Count = Gap, true, l.Gap.Reason, l.Gap.Bytes
		e.What = fmt.Sprintf("a part of the log is missing: %s, %d bytes", l.Gap.Reason, l.Gap.Bytes)
		return e, true
	case strings.HasPrefix(l.Text, questionPrefix):
		return e.name(strings.TrimPrefix(l.Text, questionPrefix))
	case l.Log == nil || l.Log.Event != "DownstreamEnd" && l.Log.Event != "TcpConnectionEnd" && l.Log.Event != "Unread":
		return Event{}, false
	}
	g := l.Log
	e.Direction, e.Method, e.Authority, e.Path, e.To, e.Code = g.Direction, g.Method, g.Authority, g.Path, g.Destination, g.Code
	e.Type, e.Verdict = Connection, Forwarded
	e.What = strings.TrimSpace(cmp.Or(g.Kind, "connection") + " " + g.Destination + " " + g.SNI)
	switch {
	case g.Event == "Unread":
		e.What = fmt.Sprintf("%s: the %s are not read: %s", g.Destination, g.Side, g.Reason)
	case g.Method != "":
		e.Type, e.What = Request, fmt.Sprintf("%s %s%s -> %d", g.Method, g.Authority, g.Path, g.Code)
	}
	if own := refusedBy(g.Flags, g.Details, g.Code, g.Event); own != "" {
		e.Verdict, e.What = Refused, e.What+" ("+own+")"
	}
	return e, true
}

// refusedBy returns why the proxy answered in the server's place, or that the server refused; "" if it was answered.
func refusedBy(flags, details string, code int, event string) string {
	flags = strings.Trim(flags, "-")
	switch {
	case strings.HasPrefix(details, "rbac_access_denied"):
		return "the proxy refuses the destination"
	case event == "TcpConnectionEnd" && strings.ContainsAny(flags, "UN") && flags != "":
		return flags
	case code == 401, code == 403, code == 407:
		return "the server refuses it"
	case code >= 500 && details != "" && details != "-" && details != "via_upstream":
		return strings.TrimSpace(flags + " " + details)
	}
	return ""
}

// name reads a line of the guests' resolver: who asked for which name.
func (e Event) name(rest string) (Event, bool) {
	pod, rest, _ := strings.Cut(rest, " ")
	e.Namespace, e.Pod, _ = strings.Cut(pod, "/")
	e.Type, e.Verdict, e.What = Name, Forwarded, rest
	answer, name, found := strings.Cut(rest, " name=") // the pod chooses the name
	if found {
		e.Authority, e.What = name, name+" ("+answer+")"
	}
	if strings.Contains(answer, "refused=") || strings.Contains(answer, "rcode=REFUSED") || strings.Contains(answer, "rcode=NXDOMAIN") {
		e.Verdict = Refused
	}
	return e, true
}

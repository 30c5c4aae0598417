package record

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

// Fact returns the fact that an entry completes, if it does: a request or a connection that ended, a name that was asked for, a part of a log that
// is missing, or what a program of Data Spacer reports. Entries are given in the order of the record.
func (p *Pairing) Fact(e Entry) (fact.Fact, bool) {
	f := fact.Fact{Subject: fact.Subject{Guest: e.Source.Guest, Namespace: e.Source.Namespace, Pod: e.Source.Pod, UID: e.Source.UID}}
	f.Time, _ = time.Parse(time.RFC3339Nano, e.Time) // the zero time if the container runtime wrote no valid time
	e = e.unwrapped()
	switch {
	case e.Gap != nil:
		f.Kind, f.Warning, f.Reason, f.Count, f.Message = fact.RequestsMissing, true, e.Gap.Reason, e.Gap.Bytes, "bytes of a log are not in the record of requests"
		return f, true
	case e.Source.Namespace == apis.SystemNamespace && e.Source.Container != apis.ResolverContainerName:
		return program(e)
	case e.Source.Container == apis.ResolverContainerName:
		return asked(f, e.Text)
	case strings.HasPrefix(e.Text, endPrefix):
		ended, ok := ParseEnded(e.Text)
		if !ok {
			return f, false
		}
		if begun, known := p.take(opened{e.Source, ended.Key}); known {
			begun.Upstream = ended.Upstream
			ended.Begun = begun
		}
		return request(f, ended, e.Probe), true
	}
	return p.line(f, e)
}

// line takes a line of a proxy that is a JSON object.
func (p *Pairing) line(f fact.Fact, e Entry) (fact.Fact, bool) {
	if begun, ok := ParseBegun(e.Log); ok {
		if begun.Method != "" {
			p.add(opened{e.Source, begun.Key}, begun)
		}
		return f, false
	}
	var ended Ended
	if !bytes.Contains(e.Log, []byte(`"response_flags"`)) || json.Unmarshal(e.Log, &ended) != nil {
		return f, false
	}
	p.take(opened{e.Source, ended.Key})
	if ended.Event != "DownstreamEnd" && ended.Event != "TcpConnectionEnd" || ended.Kind == "dns" { // names are in the resolver's lines
		return f, false
	}
	return request(f, ended, e.Probe), true
}

// request returns the fact of a request or a connection that ended.
func request(f fact.Fact, e Ended, probe bool) fact.Fact {
	own := Answer{Event: e.Event, Code: e.Code, Flags: e.Flags, Details: e.Details}.Own()
	f.Kind, f.Reason = fact.Requested, Reason(own)
	f.Request = &fact.Request{
		Direction: e.Direction, Caller: e.Caller, Destination: cmp.Or(e.Destination, e.Upstream), Method: e.Method, Authority: cmp.Or(e.Authority, e.SNI), Path: e.Path,
		Protocol: e.Protocol, Received: e.BytesReceived, Sent: e.BytesSent, Duration: e.Duration, Proxy: own, Probe: probe,
	}
	if e.Event == "TcpConnectionEnd" {
		f.Kind = fact.Connected
	} else if e.Code != 0 {
		f.Request.Status = strconv.FormatInt(e.Code, 10)
	}
	return f
}

// asked returns the fact of a line of the guests' resolver.
func asked(f fact.Fact, text string) (fact.Fact, bool) {
	pod, rest, ok := Question(text)
	if !ok {
		return f, false
	}
	f.Kind, f.Subject.UID = fact.NameAsked, ""
	f.Subject.Namespace, f.Subject.Pod, _ = strings.Cut(pod, "/")
	if f.Subject.Namespace == "-" {
		f.Subject.Namespace, f.Subject.Pod = "", ""
	}
	rest, name, _ := strings.Cut(rest, " name=") // the last field: it may hold anything
	f.Request = &fact.Request{Authority: name}
	for field := range strings.FieldsSeq(rest) {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "client":
			f.Request.Caller = value
		case "type":
			f.Request.Protocol = value
		case "rcode":
			f.Request.Status = value
		}
	}
	return f, true
}

// program returns the fact that a program of Data Spacer wrote. Programs write facts to stdout, and to stderr their logs, which may quote a tenant.
func program(e Entry) (fact.Fact, bool) {
	text, ours := strings.CutPrefix(e.Text, fact.LinePrefix)
	r, err := fact.Decode([]byte(text))
	if !ours || err != nil || e.Stream == "stderr" {
		return fact.Fact{}, false
	}
	r.At = fact.Place{}
	return r.Fact, true
}

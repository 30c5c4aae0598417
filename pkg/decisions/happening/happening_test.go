package happening

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

func TestALineThatIsNoEndNameOrGapIsNoEvent(t *testing.T) {
	resolver := `"source":{"container":"` + apis.ResolverContainerName + `"},`
	for line, want := range map[string]string{
		`{"log":{"event":"Begin","method":"GET"}}`: "",
		`{"text":"E 1 2"}`:                         "",
		`nonsense`:                                 "",
		`{"log":{"event":"DownstreamEnd","method":"GET","response_code":200,"response_flags":"-","response_code_details":"via_upstream"}}`:    "request forwarded",
		`{"log":{"event":"DownstreamEnd","method":"GET","response_code":403,"response_flags":"-","response_code_details":"via_upstream"}}`:    "request refused",
		`{"log":{"event":"DownstreamEnd","method":"GET","response_code":503,"response_flags":"UF","response_code_details":"upstream_reset"}}`: "request refused",
		`{"log":{"event":"TcpConnectionEnd","kind":"tcp","response_flags":"-"}}`:                                                              "connection forwarded",
		`{"log":{"event":"TcpConnectionEnd","kind":"tcp","response_flags":"UF"}}`:                                                             "connection refused",
		`{"log":{"event":"TcpConnectionEnd","kind":"tcp","response_flags":"OM"}}`:                                                             "connection refused",
		`{"log":{"event":"TcpConnectionEnd","kind":"tcp","response_flags":"UC"}}`:                                                             "connection forwarded",
		`{"log":{"event":"Unread","side":"requests","reason":"not HTTP"}}`:                                                                    "connection forwarded",
		`{"gap":{"reason":"RateExceeded","bytes":7}}`:                                                                                         "gap ",
		`{` + resolver + `"text":"[INFO] pod=a/b type=A name=x."}`:                                                                            "name forwarded",
		`{` + resolver + `"text":"[INFO] plugin/reload"}`:                                                                                     "",
		`{"source":{"container":"` + apis.ProxyContainerName + `"},"text":"[INFO] pod=a/b type=A name=x."}`:                                   "", // a name in another pod's name
	} {
		e, ok := OfLine("node", []byte(line))
		require.Equal(t, want != "", ok, line)
		if ok {
			require.Equal(t, want, e.Type+" "+e.Verdict, line)
		}
	}
}

func TestABodyThatAMethodUsuallyHasNotIsNamed(t *testing.T) {
	e, ok := OfLine("node", []byte(`{"log":{"event":"DownstreamEnd","method":"DELETE","authority":"h","path":"/x","bytes_received":40,"response_code":200,"response_flags":"-","response_code_details":"via_upstream"}}`))
	require.True(t, ok)
	require.EqualValues(t, 40, e.Body)
	require.Equal(t, "DELETE (with a body of 40 bytes) h/x -> 200", e.What)
	e, ok = OfGuestFact("node", "log", fact.Recorded{Fact: fact.Fact{Kind: fact.Requested, Request: &fact.Request{Method: "GET", Received: 7}}})
	require.True(t, ok)
	require.EqualValues(t, 7, e.Body)
}

func TestSpansAreTheTimesInWhichAPodWasHeldInOneWay(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	change := func(hour int, to string) Event {
		return Event{Kind: "PodStateChanged", Time: at.Add(time.Duration(hour) * time.Hour), Details: map[string]string{"to": to}}
	}
	states := []Event{change(0, "Pending"), change(1, "Enforced"), {Kind: "DriftRepaired"}, change(3, "Failed"), change(4, "Enforced"), change(8, "Gone")}
	spans := Spans(states, at.Add(2*time.Hour), at.Add(6*time.Hour))
	require.Len(t, spans, 3)
	require.Equal(t, at.Add(2*time.Hour), spans[0].From)
	require.Equal(t, at.Add(6*time.Hour), spans[2].To)
	require.InDelta(t, 0.75, Share(spans), 1e-9)
	require.InDelta(t, 1, Share(nil), 0)
	require.Len(t, Spans(states, at, at.Add(20*time.Hour)), 3, "an ended pod is not held")
}

func TestAnUnknownTypeIsNamed(t *testing.T) {
	require.ErrorContains(t, Filter{Types: []string{"drops"}}.Check(), `--type="drops"`)
	require.ErrorContains(t, Filter{Verdicts: []string{"x"}}.Check(), "forwarded")
	require.NoError(t, Filter{Types: Types(), Verdicts: Verdicts()}.Check())
}

func TestTheNameThatAPodChoosesIsNoAnswer(t *testing.T) {
	for line, want := range map[string]string{
		"rcode=NOERROR name=a.example.":                              Forwarded,
		"rcode=NOERROR name=rcode=NXDOMAIN.refused=1.name=.example.": Forwarded,
		"rcode=NXDOMAIN name=a.example.":                             Refused,
		"rcode=REFUSED name=rcode=NOERROR.example.":                  Refused,
		"refused=3421 limit=200/s":                                   Refused,
	} {
		e, ok := OfLine("a", []byte(`{"source":{"container":"resolver"},"text":"[INFO] pod=pharma-space/study client=203.0.113.9 `+line+`"}`))
		require.True(t, ok, line)
		require.Equal(t, want, e.Verdict, line)
		require.Equal(t, "study", e.Pod)
	}
}

func TestWhatRulesDroppedAndRefusedImpersonationsAreDrops(t *testing.T) {
	for _, f := range []fact.Fact{{Kind: fact.PacketsDropped}, {Kind: fact.DestinationDropped}, {Kind: "FramesDropped"}, {Kind: fact.PacketsRefused}, {Kind: fact.Impersonated, Reason: "Refused"}} {
		e, ok := OfFact("node-1", fact.Recorded{Fact: f})
		require.True(t, ok)
		require.Equal(t, []string{Drop, Refused}, []string{e.Type, e.Verdict}, f.Kind)
	}
	e, _ := OfFact("node-1", fact.Recorded{Fact: fact.Fact{Kind: fact.Impersonated, Reason: fact.Allowed}})
	require.Equal(t, Other, e.Type)
	for address, to := range map[string]string{"203.0.113.9": "203.0.113.9:53", "2001:db8::9": "[2001:db8::9]:53"} {
		details := map[string]string{"direction": "egress", "protocol": "UDP", "address": address, "port": "53"}
		e, _ = OfFact("node-1", fact.Recorded{Fact: fact.Fact{Kind: fact.DestinationDropped, Details: details}})
		require.Equal(t, []string{"egress", to}, []string{e.Direction, e.To})
	}
	e, _ = OfFact("node-1", fact.Recorded{Fact: fact.Fact{Kind: fact.DestinationDropped, Details: map[string]string{"direction": "egress", "address": "203.0.113.9"}}})
	require.Equal(t, "203.0.113.9", e.To)
}

// A row of the report adds up requests without the kubelet's probes, so its proof is not of a probe either.
func TestAProbeIsNoEventOfTheLogOfAGuest(t *testing.T) {
	f := fact.Fact{Kind: fact.Requested, Request: &fact.Request{Direction: "ingress", Method: "GET", Path: "/healthz", Status: "200"}}
	e, ok := OfGuestFact("node-1", "pharma", fact.Recorded{Fact: f, Index: 7})
	require.True(t, ok)
	require.Equal(t, []any{Request, Forwarded, "/healthz", "pharma", int64(7)}, []any{e.Type, e.Verdict, e.Path, e.Log, e.Index})
	f.Request.Probe = true
	_, ok = OfGuestFact("node-1", "pharma", fact.Recorded{Fact: f, Index: 8})
	require.False(t, ok)
}

package record_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

func TestWhatCompletesAFact(t *testing.T) {
	var p record.Pairing
	facts := func(text string) []fact.Request {
		f, ok := p.Fact(wire("a", text))
		if !ok {
			return nil
		}
		return []fact.Request{*f.Request}
	}
	require.Empty(t, facts(begin("7.1764435600123456", "/x")))
	require.Empty(t, facts(`{"event":"DownstreamPeriodic","key":"7.1764435600123456","response_flags":"-"}`), "it goes on")
	require.Equal(t, []fact.Request{{
		Direction: "egress", Caller: "192.0.2.1:5", Destination: "192.0.2.9:80", Method: "GET", Authority: "h", Path: "/x", Protocol: "HTTP/1.1",
		Status: "503", Duration: 4, Proxy: "UF upstream_reset_before_response_started{connection_failure}",
	}}, facts(`{"event":"DownstreamEnd","key":"7.1764435600123456","kind":"http","direction":"egress","downstream_remote_address":"192.0.2.1:5",`+
		`"original_destination":"192.0.2.9:80","method":"GET","authority":"h","path":"/x","protocol":"HTTP/1.1","response_code":503,"response_flags":"UF",`+
		`"response_code_details":"upstream_reset_before_response_started{connection_failure}","duration_ms":4}`))
	require.Equal(t, []fact.Request{{Direction: "egress", Destination: "192.0.2.9:443", Authority: "archive.example", Received: 9}},
		facts(`{"event":"TcpConnectionEnd","kind":"tls","direction":"egress","original_destination":"192.0.2.9:443","sni":"archive.example","bytes_received":9,"response_flags":"-"}`))
	require.Empty(t, facts(`{"event":"TcpConnectionEnd","kind":"dns","response_flags":"-"}`), "names are in the resolver's lines")
	require.Empty(t, facts("a text"))
}

// Only programs of ours write facts, whatever a tenant's pod logs.
func TestALineOfAFactIsOneOfOurProgramsOnly(t *testing.T) {
	line, err := fact.Encode(3, fact.Fact{Kind: fact.AdmissionRefused, Subject: fact.Subject{Guest: "pharma"}})
	require.NoError(t, err)
	var p record.Pairing
	entry := func(namespace, container, guest string) record.Entry {
		return record.Line(record.Source{Namespace: namespace, Container: container, Guest: guest}, record.Position{},
			record.Piece{Content: []byte(fact.LinePrefix + string(line))}, 0)
	}
	f, ok := p.Fact(entry(apis.SystemNamespace, "webhook", "pharma"))
	require.True(t, ok)
	require.Equal(t, fact.AdmissionRefused, f.Kind)
	_, ok = p.Fact(entry("pharma-space", apis.ProxyContainerName, "pharma"))
	require.False(t, ok)
	logged := entry(apis.SystemNamespace, "webhook", "pharma")
	logged.Stream = "stderr"
	_, ok = p.Fact(logged)
	require.False(t, ok)

	guests := map[string]string{"pharma-space": "pharma", "bio-space": "bio"}
	require.True(t, record.Concerns(entry(apis.SystemNamespace, "webhook", "pharma"), guests))
	require.False(t, record.Concerns(entry(apis.SystemNamespace, "webhook", "bio"), guests))
	require.False(t, record.Concerns(entry(apis.SystemNamespace, "webhook", ""), guests))
	require.True(t, record.Concerns(entry(apis.SystemNamespace, "webhook", ""), map[string]string{}), "of a guest that is not known")
	require.False(t, record.Concerns(record.Line(record.Source{Namespace: apis.SystemNamespace, Container: "webhook"}, record.Position{},
		record.Piece{Content: []byte("a text of its log")}, 0), guests))
}

func TestTheFactOfAProbeHasTheMark(t *testing.T) {
	e := wire("a", `{"event":"TcpConnectionEnd","kind":"tcp","direction":"ingress","response_flags":"-"}`)
	e.Probe = true
	var p record.Pairing
	f, ok := p.Fact(e)
	require.True(t, ok)
	require.True(t, f.Request.Probe)
}

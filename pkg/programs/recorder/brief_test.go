package recorder

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
)

func TestABriefTableFitsAHundredAndTwentyColumns(t *testing.T) {
	long := strings.Repeat("x", 300)
	entry := record.Entry{
		Time: "2026-01-02T03:04:05.123456789Z", Source: record.Source{Guest: "g", Namespace: long, Pod: long},
		Log: json.RawMessage(`{"event":"TcpConnectionEnd","direction":"ingress","method":"GET","path":"/` + long + `","response_code":503,"response_flags":"UF","response_code_details":"x"}`),
	}
	var out bytes.Buffer
	table := newTable(&out)
	q := Query{Brief: true}
	q.head(table)
	q.row(table, entry)
	require.NoError(t, table.Flush())
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, len(strings.TrimRight(line, "\n")), 120, line)
	}
	require.Contains(t, out.String(), "01-02 03:04:05")
	require.Contains(t, out.String(), "closed")
}

func TestABodyThatAMethodUsuallyHasNotIsShown(t *testing.T) {
	for line, want := range map[string]string{
		`{"event":"DownstreamEnd","method":"GET","path":"/x","bytes_received":40}`:  "GET (with a body of 40 bytes) /x",
		`{"event":"DownstreamEnd","method":"GET","path":"/x","bytes_received":0}`:   "GET /x",
		`{"event":"DownstreamEnd","method":"POST","path":"/x","bytes_received":40}`: "POST /x",
	} {
		var out bytes.Buffer
		Query{}.row(&out, record.Entry{Log: json.RawMessage(line)})
		require.Contains(t, out.String(), want)
	}
}

func TestProbesAreLeftOut(t *testing.T) {
	probe := record.Entry{Source: record.Source{Namespace: "ns", Pod: "p"}, Log: json.RawMessage(`{"event":"Begin","method":"GET","path":"/healthz"}`), Probe: true}
	require.False(t, Query{}.chooses(probe))
	require.True(t, Query{Probes: true}.chooses(probe))
	var out bytes.Buffer
	Query{Probes: true}.row(&out, probe)
	require.Contains(t, out.String(), "probe: GET /healthz")
}

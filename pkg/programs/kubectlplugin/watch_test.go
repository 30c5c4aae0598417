package kubectlplugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

var at = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

func factLines(t *testing.T, facts ...fact.Fact) string {
	t.Helper()
	var text strings.Builder
	for i, f := range facts {
		line, err := fact.Encode(int64(i), f)
		require.NoError(t, err)
		fmt.Fprintf(&text, "%s\n", line)
	}
	return text.String()
}

func requestLine(minute int, path string, code int) string {
	return fmt.Sprintf(`{"time":"%s","source":{"guest":"pharma","namespace":"pharma-space","pod":"study"},"log":{"event":"DownstreamEnd","direction":"egress","method":"GET",`+
		`"authority":"hospital","path":%q,"original_destination":"10.0.0.7:80","response_code":%d,"response_flags":"-","response_code_details":"via_upstream"}}`+"\n",
		at.Add(time.Duration(minute)*time.Minute).Format(time.RFC3339Nano), path, code)
}

// watched is a cluster of two nodes on which something happens each minute.
func watched(t *testing.T) nodes {
	t.Helper()
	study := fact.Subject{Guest: "pharma", Namespace: "pharma-space", Pod: "study"}
	return nodes{
		"a": map[string]any{
			agentapi.FactsPath: factLines(t,
				fact.Fact{Time: at, Kind: fact.PodStateChanged, Subject: study, Message: "the pod is Enforced", Details: map[string]string{"to": "Enforced"}},
				fact.Fact{Time: at.Add(2 * time.Minute), Kind: "DriftRepaired", Warning: true, Subject: study, Message: "a chain was flushed\x1b[2J"},
				fact.Fact{Time: at.Add(4 * time.Minute), Kind: fact.RequestsRecorded, Subject: study}),
			agentapi.RequestsPath: requestLine(1, "/patients", 200) + requestLine(3, "/secret", 403),
		},
		"b": map[string]any{
			agentapi.FactsPath: factLines(t, fact.Fact{Time: at.Add(5 * time.Minute), Kind: fact.PacketsRefused, Reason: "no-egress", Count: 7}),
			agentapi.RequestsPath: `{"time":"2026-01-02T03:06:00Z","source":{"guest":"pharma","container":"resolver"},"text":"[INFO] pod=pharma-space/study rcode=NXDOMAIN name=evil.example."}` + "\n" +
				"no JSON\n",
		},
	}
}

func watch(t *testing.T, q Watching) []string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Watch(t.Context(), watched(t), &out, q, Style{Form: FormJSON}))
	var all []string
	for line := range strings.Lines(out.String()) {
		var e happening.Event
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		all = append(all, e.Type+" "+e.Verdict)
	}
	return all
}

func TestEventsOfAllNodesAreShownByTimeAndFiltered(t *testing.T) {
	require.Equal(t, []string{"state ", "request forwarded", "drift repaired", "request refused", "drop refused", "name refused"}, watch(t, Watching{}))
	require.Equal(t, []string{"drop refused", "name refused"}, watch(t, Watching{Last: 2}))
	require.Equal(t, []string{"request refused"}, watch(t, Watching{Filter: happening.Filter{Types: []string{happening.Request}, Verdicts: []string{happening.Refused}}}))
	require.Equal(t, []string{"drop refused", "name refused"}, watch(t, Watching{Filter: happening.Filter{Since: at.Add(4 * time.Minute)}}))
	require.Len(t, watch(t, Watching{Filter: happening.Filter{Guest: "pharma", Namespace: "pharma-space", Pod: "study"}}), 5)
	require.Empty(t, watch(t, Watching{Filter: happening.Filter{Guest: "other"}}))
}

func TestEventsFitAHundredAndTwentyColumnsAndOrderNoTerminal(t *testing.T) {
	for _, form := range []string{FormTable, FormCompact, FormWide} {
		var out bytes.Buffer
		require.NoError(t, Watch(t.Context(), watched(t), &out, Watching{}, Style{Form: form}))
		require.NotContains(t, out.String(), "\x1b")
		require.Contains(t, out.String(), "pharma-space/study")
		for line := range strings.Lines(out.String()) {
			if form == FormTable {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 120, line)
			}
		}
	}
}

func TestANodeWhoseEventsAreMissingIsNamed(t *testing.T) {
	cluster := watched(t)
	cluster["silent"] = fmt.Errorf("hangs")
	cluster["starting"] = nil
	var out bytes.Buffer
	err := Watch(t.Context(), cluster, &out, Watching{Follow: true}, Style{Form: FormCompact})
	require.ErrorContains(t, err, "node silent")
	require.ErrorContains(t, err, "node starting")
	require.Contains(t, out.String(), "/patients")
}

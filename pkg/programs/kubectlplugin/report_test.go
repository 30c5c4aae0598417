package kubectlplugin

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/report"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

func TestAReportHasWhatEachNodeHasAndTheProofsOfItsLines(t *testing.T) {
	cluster := watched(t)
	node, is := cluster["a"].(map[string]any)
	require.True(t, is)
	node[agentapi.ProofsPath] = `{"index":1,"proof":"the proof of line 1"}` + "\n" + `{"index":2,"problem":"no checkpoint yet"}` + "\n"
	cluster["silent"] = errors.New("hangs")
	page, missing, err := Report(t.Context(), cluster, at, at.Add(time.Hour))
	require.NoError(t, err)
	require.Contains(t, missing[0], "node silent")
	require.Contains(t, missing[1], "the logs of node silent are missing")
	require.Contains(t, missing[2], "proofs of node b", "it has no log")
	require.Equal(t, "the proof of line 1", page.Drift.Events[0].Proof.Text)
	require.Len(t, page.Guests, 2, "the guest, and what is of none")
	guest := page.Guests[1]
	require.Equal(t, "pharma", guest.ID)
	require.InDelta(t, 1, guest.Pods[0].Contained, 0)
	require.Equal(t, int64(2), guest.Refused.Total, "a request and a name")
}

func TestARowAndARefusedAttemptHaveTheProofOfTheirOwnLineInTheLogOfTheGuest(t *testing.T) {
	study := fact.Subject{Guest: "pharma", Namespace: "pharma-space", Pod: "study"}
	asked := func(minute int, path, status, proxy string) fact.Fact {
		return fact.Fact{Time: at.Add(time.Duration(minute) * time.Minute), Kind: fact.Requested, Subject: study,
			Request: &fact.Request{Direction: "egress", Method: "GET", Authority: "hospital", Path: path, Destination: "10.0.0.7:80", Status: status, Proxy: proxy}}
	}
	cluster := nodes{"a": map[string]any{
		agentapi.RequestsPath: requestLine(1, "/patients?page=1", 200) + requestLine(2, "/patients?page=2", 200) + requestLine(3, "/secret", 403),
		agentapi.FactsPath:    factLines(t, fact.Fact{Time: at, Kind: fact.AgentStarted}),
		agentapi.ProofsPath:   "",
		agentapi.RecordPath:   agentapi.RecordStatus{Origin: "node-a", Keys: []string{"key-a"}, Guests: []agentapi.GuestLog{{Guest: "pharma", Origin: "guest-log", Keys: []string{"key-g"}}}},
		agentapi.FactsPath + "#": factLines(t, asked(1, "/patients?page=1", "200", ""), asked(2, "/patients?page=2", "200", ""), asked(3, "/secret", "403", ""),
			fact.Fact{Time: at.Add(4 * time.Minute), Kind: fact.APIRequested, Warning: true, Subject: fact.Subject{Guest: "pharma"}, Details: map[string]string{"verb": "get", "resource": "secrets", "object": "x/y"}}),
		agentapi.ProofsPath + "#": `{"index":1,"proof":"of line 1"}` + "\n" + `{"index":2,"proof":"of line 2"}` + "\n" + `{"index":3,"proof":"of line 3"}` + "\n",
	}}
	page, missing, err := Report(t.Context(), cluster, at, at.Add(time.Hour))
	require.NoError(t, err)
	require.Empty(t, missing)
	guest := page.Guests[0]
	rows := map[string]report.Proof{}
	for _, a := range guest.Asked {
		rows[a.Method+" "+a.Authority+a.Path] = a.Proof
	}
	require.Equal(t, map[string]report.Proof{
		"GET hospital/patients": {Node: "a", Log: "pharma", Index: 1, Text: "of line 1"}, "GET hospital/secret": {Node: "a", Log: "pharma", Index: 2, Text: "of line 2"},
		"get secrets/x/y": {Node: "a", Log: "pharma", Index: 3, Text: "of line 3"},
	}, rows)
	require.Equal(t, "of line 3", guest.Refused.Events[0].Proof.Text)
	require.Equal(t, "of line 2", guest.Refused.Events[1].Proof.Text)
	require.Equal(t, []report.Log{{Node: "a", Origin: "node-a", Keys: []string{"key-a"}}, {Node: "a", Guest: "pharma", Origin: "guest-log", Keys: []string{"key-g"}}}, page.Logs)
}

package kubectlplugin

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/audit"
	"data-space.liqo.io/pkg/values/agentapi"
)

func sample(now time.Time) audit.Report {
	verified := now.Add(-90 * time.Second)
	long := strings.Repeat("name", 15)
	return audit.Report{
		Nodes: []audit.Node{{Name: "ip-10-0-130-21.eu-central-1.compute.internal", Backend: "legacy", Ready: true, Pods: 2}, {Name: "worker", Problems: []string{"no agent"}}},
		Pods: []audit.Row{
			{Guest: "pharma", Namespace: "pharma-space", Name: "study", Node: "worker", State: agentapi.Enforced, Rules: 88, Repaired: 3, Verified: &verified, Hash: "abc"},
			{Guest: long, Namespace: long, Name: long, Node: long, State: agentapi.Quarantined, Reason: "SharedProcesses", Rules: 1188, Repaired: 10000, Problem: "create the pod again\x1b[2J"},
		},
	}
}

func TestTablesFitAHundredAndTwentyColumns(t *testing.T) {
	now := time.Now()
	var out bytes.Buffer
	require.NoError(t, Print(&out, sample(now), Style{Form: "table"}, now))
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "problem:") {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 120, line)
		}
	}
	require.Contains(t, out.String(), "pharma-space/study")
	require.Contains(t, out.String(), "1m30s ago")
	require.Contains(t, out.String(), "problem: node worker: no agent\n")
	require.Contains(t, out.String(), ": create the pod again?[2J\n")
	require.NotContains(t, out.String(), "no problem")
	out.Reset()
	require.NoError(t, Print(&out, sample(now), Style{Form: "wide"}, now))
	require.Contains(t, out.String(), strings.Repeat("name", 15)+"/"+strings.Repeat("name", 15), "wide shortens nothing")
	require.Contains(t, out.String(), "abc")
}

func TestJSONAndYAMLHaveTheSameFields(t *testing.T) {
	var asJSON, asYAML bytes.Buffer
	require.NoError(t, Print(&asJSON, sample(time.Time{}), Style{Form: "json"}, time.Now()))
	require.NoError(t, Print(&asYAML, sample(time.Time{}), Style{Form: "yaml"}, time.Now()))
	require.Contains(t, asJSON.String(), `"driftRepaired": 3`)
	require.Contains(t, asYAML.String(), "driftRepaired: 3")
}

func TestAHealthyReportHasNoProblem(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Print(&out, audit.Judge(nil, []audit.Answer{{Node: "worker", Status: &agentapi.NodeStatus{Ready: true}}}), Style{Form: "table"}, time.Now()))
	require.Contains(t, out.String(), "no problem: 0 foreign pods on 1 nodes\n")
}

func TestAQuestionNamesOneOtherEnd(t *testing.T) {
	for c, problem := range map[Connection]string{
		{}:                                    "give one of them",
		{To: "10.0.0.7:80", From: "10.0.0.7"}: "give one of them",
		{To: "10.0.0.7"}:                      "not ADDRESS:PORT",
		{To: "patients:80"}:                   "not ADDRESS:PORT",
		{From: "patients"}:                    "not an IP address",
		{To: "[fd00::7]:80"}:                  "",
		{To: "10.0.0.7", Protocol: "icmp"}:    "",
		{From: "10.0.0.7", Port: 8080}:        "",
	} {
		if problem == "" {
			require.NoError(t, c.Check())
		} else {
			require.ErrorContains(t, c.Check(), problem)
		}
	}
}

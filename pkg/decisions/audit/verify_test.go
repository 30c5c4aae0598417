package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
)

func TestEachThingThatDoesNotVerifyIsAProblemOfItsNode(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	witness := func(w agentapi.Witnessed) func(c *Checked) {
		return func(c *Checked) { c.Record.Witnesses = []agentapi.Witnessed{w} }
	}
	for name, test := range map[string]struct {
		change  func(c *Checked)
		problem string // a part of it; empty: none
	}{
		"all is well":         {func(*Checked) {}, ""},
		"no log":              {func(c *Checked) { c.Record, c.Verified = nil, nil }, ""},
		"no NetworkPolicy":    {func(c *Checked) { c.Policy = nil }, ""},
		"not in force":        {func(c *Checked) { c.Policy.InForce = false }, "not in force"},
		"a problem of policy": {func(c *Checked) { c.Policy.Problems = []string{"br_netfilter is off"} }, "br_netfilter"},
		"a line was altered": {func(c *Checked) {
			c.Verified.Flaws = []agentapi.RecordFlaw{{Reason: "Altered", Index: 7, Message: "m"}}
		}, "Altered: line 7"},
		"a log was rewritten": {func(c *Checked) {
			c.Verified.Flaws = []agentapi.RecordFlaw{{Reason: "Rewritten", Index: -1, Message: "m"}}
		}, "Rewritten: the log"},
		"facts are lost":         {func(c *Checked) { c.Record.Problem = "disk full" }, "disk full"},
		"no answer":              {func(c *Checked) { c.Problems = []string{"no answer"} }, "no answer"},
		"a witness cosigns":      {witness(agentapi.Witnessed{Name: "w", Lines: 10, Asked: now}), ""},
		"not asked yet":          {witness(agentapi.Witnessed{Name: "w"}), ""},
		"a witness refuses":      {witness(agentapi.Witnessed{Name: "w", Refused: true, Problem: "p"}), "w refuses"},
		"a witness is away":      {witness(agentapi.Witnessed{Name: "w", Problem: "connection refused"}), "w does not cosign: connection refused"},
		"a witness was left out": {witness(agentapi.Witnessed{Name: "w", Lines: 3, Asked: now.Add(-time.Hour)}), "3 of 10 lines"},
	} {
		t.Run(name, func(t *testing.T) {
			c := Checked{
				Node: "worker", Policy: &agentapi.PolicyStatus{InForce: true}, Record: &agentapi.RecordStatus{Signed: 10},
				Verified: &agentapi.RecordVerification{Origin: "o", Covered: 10, Read: 11},
			}
			test.change(&c)
			v := Verify(Report{Healthy: true, Nodes: []Node{{Name: "worker"}, {Name: "other"}}}, []Checked{c, {Node: "other"}}, now)
			require.Equal(t, test.problem == "", v.Healthy)
			require.Contains(t, strings.Join(v.Nodes[0].Problems, "\n"), test.problem)
			require.Equal(t, test.problem == "", len(v.Nodes[0].Problems) == 0, v.Nodes[0].Problems)
			require.Empty(t, v.Nodes[1].Problems)
		})
	}
}

package guestreport

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/nodelease"
)

func TestAReportSaysWhetherAGuestsPodsAreContainedAndNamesNoNode(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	for name, test := range map[string]struct {
		state   state
		outcome []string
	}{
		"all held":  {state{guest: "pharma", nodes: []nodelease.GuestPods{{Pods: 2, Held: 2, Written: at}, {Pods: 1, Held: 1}}}, []string{"pass", "pass", "pass"}},
		"one not":   {state{guest: "pharma", nodes: []nodelease.GuestPods{{Pods: 2, Held: 1, Written: at}}}, []string{"fail", "pass", "pass"}},
		"none":      {state{guest: "pharma"}, []string{"skip", "pass", "pass"}},
		"suspended": {state{guest: "pharma", suspended: true, nodes: []nodelease.GuestPods{{Pods: 1, Held: 1}}}, []string{"pass", "pass", "warn"}},
		"repaired":  {state{guest: "pharma", nodes: []nodelease.GuestPods{{Pods: 1, Held: 1, Repaired: 2}}}, []string{"pass", "warn", "pass"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, r := range test.state.results() {
				got = append(got, r.outcome)
			}
			require.Equal(t, test.outcome, got)
			total := int64(0)
			summary, _ := test.state.object().Object["summary"].(map[string]any)
			for _, count := range summary {
				n, _ := count.(int64)
				total += n
			}
			require.EqualValues(t, 3, total)
		})
	}
}

package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/nodelease"
)

func TestPodsAreCountedByGuestForTheLease(t *testing.T) {
	a, at := &Agent{pods: newStore()}, time.Unix(1_700_000_000, 0)
	put := func(uid, guest string, verdict assign.Verdict, state agentapi.State, written time.Time) {
		a.pods.records[uid] = record{want: assign.Assignment{Verdict: verdict}, state: state, written: written}
		r := a.pods.records[uid]
		r.want.Guest = guest
		a.pods.records[uid] = r
	}
	put("1", "pharma", assign.Enforce, agentapi.Enforced, at)
	put("2", "pharma", assign.Enforce, agentapi.Closed, at.Add(time.Hour))
	put("3", "pharma", assign.Enforce, agentapi.Quarantined, time.Time{})
	put("4", "pharma", assign.Enforce, agentapi.Failed, at)
	put("5", "rival", assign.Enforce, agentapi.Pending, time.Time{})
	put("7", "rival", assign.Pending, agentapi.Pending, time.Time{})
	put("6", "rival", assign.Exempt, agentapi.Exempt, at)
	require.ElementsMatch(t, []nodelease.GuestPods{
		{Guest: "pharma", Pods: 4, Held: 3, Written: at.Add(time.Hour)}, {Guest: "rival", Pods: 2},
	}, a.Guests())
}

package agent

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/agentapi"
)

func decisions(of ...assign.Assignment) map[string]assign.Assignment {
	out := map[string]assign.Assignment{}
	for _, a := range of {
		out[a.UID] = a
	}
	return out
}

func TestOnlyPodsWhoseDecisionChangedAreWorkedOn(t *testing.T) {
	tab := newStore()
	one := assign.Assignment{UID: "1", Namespace: "b", Name: "x", Verdict: assign.Enforce}
	two := assign.Assignment{UID: "2", Namespace: "a", Name: "y", Verdict: assign.Enforce}
	require.ElementsMatch(t, []string{"1", "2"}, tab.replace(decisions(one, two), false))
	require.Empty(t, tab.replace(decisions(one, two), false), "the same decisions again")

	two.Proxy = "envoy"
	require.Equal(t, []string{"2"}, tab.replace(decisions(one, two), false))
	require.Equal(t, []string{"a", "b"}, []string{tab.all()[0].want.Namespace, tab.all()[1].want.Namespace}, "sorted for readers")

	require.Empty(t, tab.replace(decisions(two), false), "a pod that is gone needs no work")
	_, named := tab.get("1")
	require.False(t, named)
	tab.update("1", func(r *record) { r.state = agentapi.Failed })
	require.Len(t, tab.all(), 1, "what was late does not bring it back")
}

func TestTheAgentIsReadyOnceEveryPodOfItsStartWasLookedAt(t *testing.T) {
	s := newStore()
	early := assign.Assignment{UID: "0", Verdict: assign.Enforce}
	s.replace(decisions(early), false)
	s.looked("0")
	require.False(t, s.allLooked(), "nothing is known yet")
	one, two, exempt := assign.Assignment{UID: "1", Verdict: assign.Enforce}, assign.Assignment{UID: "2", Verdict: assign.Enforce}, assign.Assignment{UID: "3", Verdict: assign.Exempt}
	require.ElementsMatch(t, []string{"0", "1", "2", "3"}, s.replace(decisions(early, one, two, exempt), true), "also what was looked at before")
	require.Equal(t, []string{"4"}, s.replace(decisions(early, one, exempt, assign.Assignment{UID: "4", Verdict: assign.Enforce}), true))
	require.False(t, s.allLooked())
	s.looked("0")
	s.looked("1")
	require.True(t, s.allLooked(), "neither later pods count, nor those that are gone")
}

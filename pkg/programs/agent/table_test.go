package agent

import (
	"sync"
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
	tab := newTable()
	one := assign.Assignment{UID: "1", Namespace: "b", Name: "x", Verdict: assign.Enforce}
	two := assign.Assignment{UID: "2", Namespace: "a", Name: "y", Verdict: assign.Enforce}
	require.ElementsMatch(t, []string{"1", "2"}, tab.replace(decisions(one, two)))
	require.Empty(t, tab.replace(decisions(one, two)), "the same decisions again")

	two.Proxy = "envoy"
	require.Equal(t, []string{"2"}, tab.replace(decisions(one, two)))
	require.Equal(t, []string{"a", "b"}, []string{tab.all()[0].want.Namespace, tab.all()[1].want.Namespace}, "sorted for readers")

	require.Empty(t, tab.replace(decisions(two)), "a pod that is gone needs no work")
	_, named := tab.get("1")
	require.False(t, named)
	tab.update("1", func(r *record) { r.state = agentapi.Failed })
	require.Len(t, tab.all(), 1, "what was late does not bring it back")
}

func TestTheAgentIsReadyOnceEveryPodOfItsStartWasLookedAt(t *testing.T) {
	f := firstRound{open: map[string]bool{}}
	require.False(t, f.over(), "nothing is known yet")
	f.begin(decisions(assign.Assignment{UID: "1", Verdict: assign.Enforce}, assign.Assignment{UID: "2", Verdict: assign.Exempt}))
	f.begin(decisions(assign.Assignment{UID: "3", Verdict: assign.Enforce}))
	require.False(t, f.over())
	f.looked("1")
	require.True(t, f.over(), "later pods do not count")
}

func TestLocksAreByKey(t *testing.T) {
	var locks keyedLocks
	first := locks.lock("a")
	locks.lock("b")() // another key does not wait
	var order []string
	var done sync.WaitGroup
	done.Go(func() {
		defer locks.lock("a")()
		order = append(order, "second")
	})
	order = append(order, "first")
	first()
	done.Wait()
	require.Equal(t, []string{"first", "second"}, order)
	require.Empty(t, locks.held, "nothing is kept of keys that nobody uses")
}

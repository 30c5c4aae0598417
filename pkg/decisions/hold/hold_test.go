package hold_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/hold"
	"data-space.liqo.io/pkg/values/gate"
)

var (
	foreign   = gate.Space{Class: gate.Foreign, Guest: "pharma"}
	suspended = gate.Space{Class: gate.Foreign, Guest: "pharma", Suspended: true}
	ordinary  = gate.Space{Class: gate.Ordinary}
	optedOut  = gate.Space{Class: gate.OptedOut, Guest: "pharma"}
	nobody    = gate.Space{}
	marked    = gate.Mark{Shown: true, Set: true, Guest: "pharma"}
	unmarked  = gate.Mark{Shown: true}
)

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		when string
		k    hold.Known
		want hold.Decision // without its message
	}{
		{"a guest's pod is enforced", hold.Known{Space: foreign, Fresh: true}, hold.Decision{Verdict: hold.Enforce, Guest: "pharma", Reason: hold.ForeignNamespace}},
		{"and is not started while its guest is suspended", hold.Known{Space: suspended, Fresh: true, Mark: marked}, hold.Decision{Verdict: hold.Refuse, Guest: "pharma", Reason: hold.GuestSuspended}},
		{"by memory as well", hold.Known{Space: foreign}, hold.Decision{Verdict: hold.Enforce, Guest: "pharma", Reason: hold.ForeignNamespace}},
		{"and held where nobody can enforce it", hold.Known{Space: foreign, Alone: true}, hold.Decision{Verdict: hold.Refuse, Reason: hold.AgentAway}},
		{"even in a namespace that the cluster needs", hold.Known{Space: foreign, Exempt: true, Alone: true}, hold.Decision{Verdict: hold.Refuse, Reason: hold.AgentAway}},
		{"an ordinary pod starts", hold.Known{Space: ordinary, Fresh: true}, hold.Decision{Verdict: hold.Pass, Reason: hold.NotForeign}},
		{"without an agent as well", hold.Known{Space: ordinary, Alone: true}, hold.Decision{Verdict: hold.Pass, Reason: hold.NotForeign}},
		{"and so does one of a namespace that the Hospital exempts", hold.Known{Space: optedOut, Fresh: true}, hold.Decision{Verdict: hold.Pass, Reason: hold.OptedOut}},
		{"a marked pod is a guest's, whatever memory says of its namespace", hold.Known{Space: ordinary, Mark: marked}, hold.Decision{Verdict: hold.Enforce, Guest: "pharma", Reason: hold.Marked}},
		{"also when its namespace is exempt by memory", hold.Known{Space: optedOut, Mark: marked}, hold.Decision{Verdict: hold.Enforce, Guest: "pharma", Reason: hold.Marked}},
		{"and held where nobody can enforce it", hold.Known{Space: ordinary, Mark: marked, Alone: true, Marks: true}, hold.Decision{Verdict: hold.Refuse, Reason: hold.AgentAway}},
		{"unless the API server itself knows better", hold.Known{Space: ordinary, Live: true, Mark: marked}, hold.Decision{Verdict: hold.Pass, Reason: hold.NotForeign}},
		{"which it does not if it has no such namespace", hold.Known{Live: true, Missing: true, Mark: marked}, hold.Decision{Verdict: hold.Enforce, Guest: "pharma", Reason: hold.Marked}},
		{"what does not exist is not a guest's", hold.Known{Live: true, Missing: true, Mark: unmarked}, hold.Decision{Verdict: hold.Pass, Reason: hold.NoSuchNamespace}},
		{"an unknown namespace is held", hold.Known{Space: nobody, Alone: true}, hold.Decision{Verdict: hold.Refuse, Reason: hold.UnknownNamespace}},
		{"by the agent as well", hold.Known{Space: nobody, Mark: unmarked}, hold.Decision{Verdict: hold.Refuse, Reason: hold.UnknownNamespace}},
		{"unless the cluster needs it", hold.Known{Space: nobody, Alone: true, Exempt: true}, hold.Decision{Verdict: hold.Pass, Reason: hold.Exempt}},
		{"or a mark would be seen and is not", hold.Known{Space: nobody, Alone: true, Marks: true, Mark: unmarked}, hold.Decision{Verdict: hold.Pass, Reason: hold.Unmarked}},
		{"which needs a runtime that shows marks", hold.Known{Space: nobody, Alone: true, Marks: true}, hold.Decision{Verdict: hold.Refuse, Reason: hold.UnknownNamespace}},
		{"and pods that bear them", hold.Known{Space: nobody, Alone: true, Mark: unmarked}, hold.Decision{Verdict: hold.Refuse, Reason: hold.UnknownNamespace}},
	} {
		t.Run(c.when, func(t *testing.T) {
			got := hold.Judge(c.k)
			require.Equal(t, got.Verdict == hold.Refuse, got.Message != "", "a refusal says why, and only a refusal")
			got.Message = ""
			require.Equal(t, c.want, got)
		})
	}
}

func TestAsk(t *testing.T) {
	require.False(t, hold.Ask(hold.Known{Space: ordinary, Fresh: true}), "a watch that follows is enough to pass")
	require.False(t, hold.Ask(hold.Known{Space: foreign}), "memory is enough to enforce")
	require.False(t, hold.Ask(hold.Known{Space: nobody, Live: true}), "it was asked")
	require.True(t, hold.Ask(hold.Known{Space: nobody, Fresh: true}), "the watch may be a moment behind")
	require.True(t, hold.Ask(hold.Known{Space: ordinary}), "memory may be old")
	require.True(t, hold.Ask(hold.Known{Space: ordinary, Fresh: true, Mark: marked}), "the watch and the mark disagree")
}

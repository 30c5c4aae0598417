package happening

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHowAPodWasHeldIsWhatTheLogHasUpToThen(t *testing.T) {
	began := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	index := int64(0)
	event := func(hour int, kind, pod string, details map[string]string) Event {
		index++
		return Event{Node: "a", Time: began.Add(time.Duration(hour) * time.Hour), Namespace: "s", Pod: pod, Guest: "pharma", Kind: kind, Type: typeOf(kind), Index: index, Details: details}
	}
	events := []Event{
		event(0, "AgentStarted", "", map[string]string{"version": "v1"}),
		event(1, "PodStateChanged", "p", map[string]string{"to": "Enforced", "rules": "h1"}),
		event(2, "PolicyChanged", "", map[string]string{"name": "s/np", "rules": "egress: ", "rules2": "nothing"}),
		event(3, "DriftRepaired", "p", nil),
		event(3, "DriftRepaired", "other", nil),
		event(4, "AgentStopped", "", nil),
		event(5, "PolicyChanged", "", map[string]string{"name": "s/np", "rules": "egress: to any"}),
		event(6, "PodStateChanged", "p", map[string]string{"to": "Gone"}),
	}
	at := func(hour int) []Held {
		return At(events, "s", "p", began.Add(time.Duration(hour)*time.Hour+time.Minute))
	}
	require.Empty(t, at(0), "the log has no fact of the pod yet")
	held := at(3)
	require.Len(t, held, 1)
	require.Equal(t, "h1", held[0].State.Details["rules"])
	require.Contains(t, held[0].Agent, "an agent ran")
	require.Len(t, held[0].Before, 1)
	require.Equal(t, "egress: nothing", held[0].Policies[0].Rules())
	require.Equal(t, int64(8), held[0].After.Index)
	held = at(5)
	require.Contains(t, held[0].Agent, "no agent ran")
	require.Equal(t, "egress: to any", held[0].Policies[0].Rules())
	require.Empty(t, at(7), "it has ended")
}

func TestHowAPodWasHeldNamesWhatTheLogDoesNotHaveOneByOne(t *testing.T) {
	moment := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	of := func(second int, kind, reason, since string) Event {
		return Event{Time: moment.Add(time.Duration(second) * time.Second), Node: "a", Namespace: "space", Pod: "study", Kind: kind, Reason: reason,
			Details: map[string]string{"to": "Enforced", "since": since}}
	}
	lost := of(9, "FactsLost", "QueueFull", "2026-01-02T03:04:01Z")
	lost.Namespace, lost.Pod = "", ""
	events := []Event{
		of(0, "PodStateChanged", "", ""), of(8, "FactsCounted", "PodStateChanged", "2026-01-02T03:04:02Z"), of(9, "FactsCounted", "DriftRepaired", "2026-01-02T03:04:02Z"), lost,
	}
	for second, missing := range map[int]int{0: 0, 1: 1, 3: 2, 20: 2} {
		held := At(events, "space", "study", moment.Add(time.Duration(second)*time.Second))
		require.Len(t, held, 1)
		require.Len(t, held[0].Before, missing, second)
	}
}

func TestAPolicyThatAnAgentDidNotFindAgainIsInDoubt(t *testing.T) {
	moment := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	var events []Event
	add := func(kind, name string) {
		events = append(events, Event{Time: moment.Add(time.Duration(len(events)) * time.Minute), Node: "a", Namespace: "s", Kind: kind, What: kind, Index: int64(len(events)), Details: map[string]string{"name": name, "to": "Enforced"}})
	}
	add("PolicyChanged", "s/deleted")
	add("PolicyChanged", "s/kept")
	add("PodStateChanged", "")
	events[2].Pod = "p"
	add("AgentStarted", "")
	add("AgentStarted", "")
	add("PolicyChanged", "s/kept")
	held := At(events, "s", "p", moment.Add(time.Hour))
	require.Len(t, held[0].Policies, 2)
	require.Equal(t, "PolicyChanged (before the agent's last start, and not recorded again)", held[0].Policies[0].What)
	require.Equal(t, "PolicyChanged", held[0].Policies[1].What)
	require.Equal(t, "PolicyChanged", At(events, "s", "p", moment.Add(2*time.Minute))[0].Policies[0].What)
}

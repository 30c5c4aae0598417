package happening

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The clock of a node is set while its agent writes: the order of the lines decides, not their times.
func TestHowAPodWasHeldFollowsTheLogWhateverTheClockShows(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	minute := func(n int) time.Time { return day.Add(time.Duration(n) * time.Minute) }
	states := map[string][]Event{}
	var log []Event
	add := func(at time.Time, kind string, details map[string]string) {
		e := Event{Node: "a", Time: at, Index: int64(len(log)), Kind: kind, Type: typeOf(kind), Details: details}
		if kind == "PodStateChanged" {
			e.Namespace, e.Pod = "s", "p"
		}
		log = append(log, e)
	}
	state := func(at time.Time, to string) { add(at, "PodStateChanged", map[string]string{"to": to}) }
	stepped := func(at time.Time, by time.Duration) {
		add(at, "ClockStepped", map[string]string{"seconds": fmt.Sprint(by.Seconds())})
	}
	at := func(moment time.Time) (names []string) {
		for _, h := range At(log, "s", "p", moment) {
			names = append(names, h.State.Details["to"])
		}
		return names
	}
	reset := func(name string) { states[name], log = log, nil }

	add(minute(0), "AgentStarted", nil)
	state(minute(60), "Enforced")
	state(minute(90), "Failed")
	stepped(minute(33), -time.Hour)
	state(minute(40), "Enforced")
	add(minute(110), "AgentStopped", nil)
	require.Equal(t, []string{"Enforced"}, at(minute(120)), "after all of it")
	require.Equal(t, []string{"Enforced"}, at(minute(100)), "the clock showed it once")
	require.Equal(t, []string{"Failed", "Enforced"}, at(minute(92)), "the clock showed it twice, and no line is of the first time")
	require.Equal(t, []string{"Enforced", "Enforced"}, at(minute(70)))
	require.Equal(t, []string{"Failed"}, at(minute(34)), "the first time the pod did not run yet")
	require.Contains(t, At(log, "s", "p", minute(92))[1].Clock, "moment 2 of 2")
	reset("an hour back")

	year := 365 * 24 * time.Hour
	state(minute(10), "Enforced")
	state(minute(20).Add(year), "Failed")
	stepped(minute(20).Add(year+4*time.Second), year)
	stepped(minute(25), -year)
	state(minute(30), "Enforced")
	state(minute(60), "Failed")
	require.Equal(t, []string{"Enforced"}, at(minute(40)), "the clock showed it once: the year before it was a step")
	require.Equal(t, []string{"Failed"}, at(minute(26)), "what was recorded while the clock was a year ahead has happened")
	require.Equal(t, []string{"Failed"}, at(minute(70)))
	require.Equal(t, []string{"Enforced"}, at(minute(15)))
	reset("a year forward, and back")

	state(minute(10), "Enforced")
	stepped(time.Unix(3, 0), -minute(20).Sub(time.Unix(0, 0)))
	state(time.Unix(60, 0), "Failed")
	stepped(minute(25), minute(24).Sub(time.Unix(60, 0)))
	state(minute(30), "Enforced")
	require.Equal(t, []string{"Enforced"}, at(minute(12)), "before the clock went to 1970")
	require.Equal(t, []string{"Failed"}, at(minute(26)))
	require.Equal(t, []string{"Enforced"}, at(minute(31)))
	reset("1970, and back")

	state(minute(10), "Enforced")
	add(minute(30), "FactsLost", map[string]string{"since": minute(21).Format(time.RFC3339Nano)}) // the disk was full: what waited comes after it
	state(minute(20), "Failed")
	state(minute(31), "Enforced")
	state(minute(31).Add(-time.Millisecond), "Failed") // emitted at the same time
	require.Equal(t, []string{"Failed"}, at(minute(25)))
	require.Equal(t, []string{"Failed"}, at(minute(31).Add(-time.Microsecond)))

	for name, log := range states {
		var before Event
		for _, e := range InOrder(log) {
			require.GreaterOrEqual(t, e.Index, before.Index, name)
			before = e
		}
		spans := Spans(InOrder(log), day.Add(-24*time.Hour), minute(120))
		require.Equal(t, map[string]string{"an hour back": "Enforced", "a year forward, and back": "Failed", "1970, and back": "Enforced"}[name], spans[len(spans)-1].State)
		for _, s := range spans {
			require.True(t, s.From.Before(s.To), "%s: %+v", name, spans)
		}
	}
}

func TestAClockThatIsSetOftenIsBounded(t *testing.T) {
	moment := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var log []Event
	for i := range 10_000 {
		log = append(log, Event{Node: "a", Time: moment.Add(time.Hour * time.Duration(1-2*(i%2))), Namespace: "s", Pod: "p", Kind: "PodStateChanged", Details: map[string]string{"to": "Enforced"}})
	}
	require.Len(t, At(log, "s", "p", moment), mostMoments)
}

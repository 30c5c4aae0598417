package past

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// line is a line of a log: what a policy allowed from then on, or a step of the clock.
type line struct {
	minute int
	allows bool
	step   time.Duration
	lost   int // facts are missing, of which the first happened at this minute
}

var day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func at(minute int) time.Time { return day.Add(time.Duration(minute) * time.Minute) }

// judged returns what was made of a connection at a minute, by a log of these lines.
func judged(minute int, lines ...line) string {
	r := New(at(minute))
	index := int64(0)
	add := func(at time.Time, kind fact.Kind, reason, pod string, details map[string]string) {
		index++
		r.Add(happening.Event{Node: "a", Time: at, Index: index, Kind: string(kind), Reason: reason, Namespace: "x", Pod: pod, Details: details})
	}
	add(day, fact.AgentStarted, "", "", nil)
	add(day, fact.PodSeen, "Added", "study", map[string]string{"ips": "10.0.1.1", "spaceLabels": "kubernetes.io/metadata.name=x"})
	add(day, fact.PolicyInForce, "", "", nil)
	for _, l := range lines {
		to := "nothing"
		if l.allows {
			to = "to any, ports tcp/80"
		}
		switch {
		case l.step != 0:
			add(at(l.minute), fact.ClockStepped, "", "", map[string]string{"seconds": fmt.Sprint(l.step.Seconds())})
		case l.lost != 0:
			add(at(l.minute), fact.FactsLost, "QueueFull", "", map[string]string{"since": at(l.lost).Format(time.RFC3339Nano)})
		default:
			add(at(l.minute), fact.PolicyChanged, "Applied", "", map[string]string{"name": "x/np", "rules": "selects pods all | egress: " + to})
		}
	}
	a := r.Judge(Question{Pod: netpolicy.Key{Namespace: "x", Name: "study"}, Other: netip.MustParseAddr("192.0.2.1"), Protocol: netpolicy.TCP, Port: 80})
	switch {
	case !a.Known:
		return "not known: " + a.Missing[0]
	case a.Allowed:
		return "allowed"
	}
	return "refused"
}

func TestAVerdictOfThePastFollowsTheLogWhateverTheClockShows(t *testing.T) {
	const twice = "not known: node a: at which of several moments; its clock was set back, and passed that time more than once"
	year := 365 * 24 * time.Hour
	yearLater := int(year.Minutes())

	back := []line{{minute: 60, allows: true}, {minute: 90}, {minute: 33, step: -time.Hour}, {minute: 40, allows: true}, {minute: 110}}
	require.Equal(t, "allowed", judged(100, back...))
	require.Equal(t, twice, judged(70, back...), "by times, lines that follow each other nowhere would decide")
	require.Equal(t, "refused", judged(120, back...))

	forward := []line{{minute: 10, allows: true}, {minute: 20 + yearLater}, {minute: 21 + yearLater, step: year}, {minute: 25, step: -year}, {minute: 60, allows: true}}
	require.Equal(t, "allowed", judged(15, forward...))
	require.Equal(t, "refused", judged(40, forward...), "the change while the clock was a year ahead is not forgotten")
	require.Equal(t, "allowed", judged(70, forward...))
	require.Equal(t, "allowed", judged(30, forward[:2]...), "without a step the change is of a year later")

	require.Equal(t, "allowed", judged(15, line{minute: 10, allows: true}, line{minute: 20}, line{minute: 21, lost: 16}), "what was lost came later")
	require.Equal(t, "not known: node a: facts were lost (line 6)", judged(18, line{minute: 10, allows: true}, line{minute: 20}, line{minute: 21, lost: 16}))
	require.Equal(t, "not known: node a: facts were lost (line 5)", judged(15, line{minute: 10, allows: true}, line{minute: 20, lost: 16}, line{minute: 12}), "more of the log is of before")

	often := make([]line, 0, 1000)
	for i := range cap(often) {
		often = append(often, line{minute: 50 + 60*(i%2), allows: i%3 == 0})
	}
	require.Equal(t, twice, judged(70, often...))
}

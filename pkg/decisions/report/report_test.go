package report

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/happening"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func hour(n int) time.Time { return began.Add(time.Duration(n) * time.Hour) }

func TestWhatIsAskedIsAddedUpByPathAndHasTheProofOfItsPart(t *testing.T) {
	c := New(began, hour(24))
	for i := range 5 {
		c.Add(happening.Event{Time: hour(i), Node: "a", Guest: "pharma", Type: happening.Request, Direction: "egress", Method: "GET", Authority: "hospital",
			Path: fmt.Sprintf("/patients?page=%d", i), Verdict: happening.Forwarded, Index: -1})
	}
	c.Add(happening.Event{Time: hour(4), Node: "a", Guest: "pharma", Type: happening.Request, Direction: "egress", Method: "GET", Authority: "hospital", Path: "/patients", Body: 40})
	c.Add(happening.Event{Time: hour(3), Node: "a", Guest: "pharma", Type: happening.Books, Index: 7})
	c.Add(happening.Event{Time: hour(5), Node: "a", Guest: "pharma", Type: happening.Books, Index: 8})
	c.Add(happening.Event{Time: hour(6), Node: "a", Guest: "pharma", Type: happening.Request, Path: "/secret", Verdict: happening.Refused, Index: -1})
	c.Add(happening.Event{Time: hour(30), Node: "a", Guest: "pharma", Type: happening.Request, Path: "/later"})
	p := c.Page()
	g := p.Guests[0]
	require.Equal(t, "/patients", g.Asked[0].Path)
	require.Equal(t, int64(5), g.Asked[0].Count)
	require.Equal(t, Proof{Node: "a", Index: 8}, g.Asked[0].Proof)
	require.Equal(t, int64(-1), g.Asked[1].Proof.Index, "its part is not recorded yet")
	require.Equal(t, int64(1), g.Refused.Total)
	require.True(t, slices.ContainsFunc(g.Asked, func(a *Asked) bool { return a.Body && a.Path == "/patients" && a.Count == 1 }), "requests with a body have a row of their own")
	require.Len(t, p.Proofs(), 2)
}

func TestADestinationIsARefusedAttemptWhosePacketsAreCountedOnce(t *testing.T) {
	c := New(began, hour(24))
	for kind, count := range map[string]int64{"PacketsDropped": 7, "DestinationDropped": 5} {
		c.Add(happening.Event{Time: hour(1), Node: "a", Guest: "pharma", Type: happening.Drop, Kind: kind, Count: count, Verdict: happening.Refused, Index: 1})
	}
	g := c.Page().Guests[0]
	require.Equal(t, int64(2), g.Refused.Total)
	require.Equal(t, int64(7), g.Stopped[c.bucket(hour(1))])
}

func TestTheTimesOfPodsAndAgents(t *testing.T) {
	c := New(hour(10), hour(20))
	state := func(n int, to string) happening.Event {
		return happening.Event{Time: hour(n), Node: "a", Guest: "pharma", Namespace: "s", Pod: "p", Type: happening.State, Kind: "PodStateChanged", Index: int64(n), Details: map[string]string{"to": to}}
	}
	for _, e := range []happening.Event{state(18, "Enforced"), state(1, "Enforced"), state(16, "Failed")} {
		c.Add(e)
	}
	agent := func(n int, kind, before string) happening.Event {
		return happening.Event{Time: hour(n), Node: "a", Type: happening.Agent, Kind: kind, Index: int64(n), Details: map[string]string{"before": before}}
	}
	for _, e := range []happening.Event{agent(0, "AgentStarted", ""), agent(12, "AgentStopped", ""), agent(14, "AgentStarted", "ended in order"), agent(15, "AgentStarted", "ended without a trace")} {
		c.Add(e)
	}
	p := c.Page()
	require.InDelta(t, 0.8, p.Guests[0].Pods[0].Contained, 1e-9)
	require.InDelta(t, 0.8, p.Nodes[0].Covered, 1e-9)
	require.Equal(t, []int64{2, 1}, []int64{p.Nodes[0].Starts, p.Nodes[0].Kills})
}

func TestWhateverAGuestAsksForThePageIsBounded(t *testing.T) {
	c := New(began, hour(24))
	for i := range 20_000 {
		c.Add(happening.Event{Time: hour(1), Guest: fmt.Sprint("guest", i%500), Namespace: "n", Pod: fmt.Sprint(i), Type: happening.Request, Path: fmt.Sprintf("/%0300d", i), Verdict: happening.Refused})
		c.Add(happening.Event{Time: hour(1), Guest: "g", Namespace: "n", Pod: fmt.Sprint(i), Type: happening.State, Kind: "PodStateChanged"})
		c.Add(happening.Event{Time: hour(1), Type: happening.Drift})
	}
	p := c.Page()
	require.LessOrEqual(t, len(p.Guests), mostGuests+1)
	require.Len(t, p.Drift.Events, MostListed)
	require.Equal(t, int64(20_000), p.Drift.Total)
	asked := int64(0)
	for _, g := range p.Guests {
		require.LessOrEqual(t, len(g.Asked), MostAsked)
		require.LessOrEqual(t, len(g.pods), MostPods)
		require.LessOrEqual(t, len(g.Refused.Events), MostListed)
		asked += g.More
		for _, a := range g.Asked {
			asked += a.Count
			require.LessOrEqual(t, len([]rune(a.Path)), longest+1)
		}
	}
	require.Equal(t, int64(20_000), asked, "what is left out is counted")
}

func TestAGuestHidesNoPodAndNoOtherGuestsProofByTheirNumber(t *testing.T) {
	c := New(hour(10), hour(20))
	state := func(n int, pod, to string) {
		c.Add(happening.Event{Time: hour(n), Node: "a", Guest: "loud", Namespace: "s", Pod: pod, Type: happening.State, Kind: "PodStateChanged", Details: map[string]string{"to": to}})
	}
	for i := range 2 * MostPods { // ended before
		state(1, fmt.Sprint("old-", i), "Enforced")
		state(2, fmt.Sprint("old-", i), "Gone")
	}
	state(3, "early", "Failed")
	for i := range MostPods {
		state(11, fmt.Sprint("new-", i), "Enforced")
	}
	state(12, "late", "Failed")
	fact := func(guest, path string, index int64) {
		c.AddFact(happening.Event{Time: hour(12), Node: "a", Log: guest, Guest: guest, Type: happening.Request, Method: "GET", Authority: "hospital", Path: path, Index: index})
	}
	for i := range 2 * mostProven {
		fact("loud", fmt.Sprint("/", i), int64(i))
	}
	fact("quiet", "/patients", 5)
	c.Add(happening.Event{Time: hour(12), Node: "a", Guest: "quiet", Type: happening.Request, Method: "GET", Authority: "hospital", Path: "/patients", Index: -1})
	p := c.Page()
	require.Len(t, p.Guests[0].Pods, MostPods)
	require.Equal(t, "s/early", p.Guests[0].Pods[0].Name)
	require.Equal(t, []int64{2, 1}, []int64{p.Guests[0].Left, p.Guests[0].Open}, "the last of the new ones, and the late one")
	require.Equal(t, Proof{Node: "a", Log: "quiet", Index: 5}, p.Guests[1].Asked[0].Proof)
	require.LessOrEqual(t, len(c.proven), mostProvenOf+1)
}

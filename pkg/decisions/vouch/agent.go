package vouch

import (
	"time"

	"data-space.liqo.io/pkg/values/nodelease"
)

// Act is what an agent does with its Lease now.
type Act int

// The acts.
const (
	Wait Act = iota
	Renew
	Release
)

const (
	// moment is how long an agent's gate may be gone before its Lease is released: another program that rewrites the CNI
	// configuration takes the entry out for some milliseconds.
	moment = 3 * time.Second
	// soon is the time to the second renewal: the controller needs to see one after the first.
	soon = time.Second
	// few is how many renewals come soon.
	few = 2
)

// Agent is what the agent knows of itself.
type Agent struct {
	Problem  string    // why it cannot vouch for its node; empty: it can
	Since    time.Time // when the problem began
	Renewals int       // since it began, or has released
	Renewed  time.Time // the last renewal, by the same clock as now of Next
}

// Next decides. An agent releases only what it has renewed itself: one that is not ready yet lets the Lease of the agent
// before it run out, so that a rolling update takes no node away.
func Next(a Agent, now time.Time) Act {
	switch {
	case a.Problem != "" && a.Renewals > 0 && now.Sub(a.Since) >= moment:
		return Release
	case a.Problem != "":
		return Wait
	case a.Renewals < few && now.Sub(a.Renewed) >= soon, now.Sub(a.Renewed) >= nodelease.RenewEvery:
		return Renew
	}
	return Wait
}

package vouch

import (
	"fmt"
	"time"

	"data-space.liqo.io/pkg/values/apis"
)

// Reason is why a node is offered to foreign pods, or is not.
type Reason string

// The reasons.
const (
	Fresh     Reason = "Fresh"     // a ready agent of this boot renews its Lease
	Unproven  Reason = "Unproven"  // the controller has not seen a renewal yet
	NoLease   Reason = "NoLease"   // no agent has been ready on the node
	Expired   Reason = "Expired"   // the agent has stopped renewing
	Released  Reason = "Released"  // the agent has reported that its gate is gone
	Rebooted  Reason = "Rebooted"  // the Lease is of an earlier boot of the node
	NoBoot    Reason = "NoBoot"    // the kubelet has not reported the node's boot yet
	Unchanged Reason = "Unchanged" // the controller itself was cut off: nothing is decided
)

// Node is what the controller knows of a Node object.
type Node struct {
	Boot  string // status.nodeInfo.bootID
	Label string // the value of apis.LabelEnforced; empty: none
}

// Offered reports whether foreign pods are scheduled to the node now.
func (n Node) Offered() bool { return n.Label == apis.EnforcedTrue }

// Lease is what the controller has seen of an agent's Lease. Its times are the controller's own: no agent's clock counts.
type Lease struct {
	Known   bool
	Deleted bool
	Holder  string // empty: released
	Boot    string
	// Renewals is how often it has changed under the controller's eyes. What was there before may be as old as it likes.
	Renewals int
	// Seen is when it last changed, or was first seen.
	Seen time.Time
}

// Clock is the controller's time.
type Clock struct {
	Now time.Time
	// Since is when the controller's present, unbroken contact with the API server began; zero: it has none now.
	Since time.Time
	// Duration is how long a renewal counts.
	Duration time.Duration
}

// Verdict is what becomes of the node.
type Verdict struct {
	Offer   bool
	Reason  Reason
	Again   time.Duration // when to decide again, unless something changes before; zero: not
	Message string
}

// looking is the time between two decisions while the controller has no contact.
const looking = time.Second

// Judge decides over a node.
//
// A node is offered only after a renewal that the controller has seen. An offer ends at once when there is evidence against
// it: another boot, a released or deleted Lease. The absence of renewals counts only for as long as the controller could have
// seen one: when the controller or the API server was away, every agent gets the whole duration again.
func Judge(n Node, l Lease, c Clock) Verdict {
	switch {
	case c.Since.IsZero():
		return Verdict{n.Offered(), Unchanged, looking, "the controller has no contact with the API server"}
	case n.Boot == "":
		return no(NoBoot, "the kubelet has not reported status.nodeInfo.bootID")
	case l.Deleted:
		return no(NoLease, "the Lease of the node's agent was deleted")
	case !l.Known && n.Offered() && c.Now.Before(c.Since.Add(c.Duration)):
		return Verdict{true, Unproven, c.Since.Add(c.Duration).Sub(c.Now), "no Lease of the node's agent is known yet"}
	case !l.Known:
		return no(NoLease, "no agent has been ready on this node")
	case l.Holder == "":
		return no(Released, "the agent reports that it cannot hold pods any more; its log has the reason")
	case l.Boot != n.Boot:
		return no(Rebooted, fmt.Sprintf("the agent's Lease is of boot %q, the node runs boot %q", l.Boot, n.Boot))
	}
	return byAge(n, l, c)
}

func byAge(n Node, l Lease, c Clock) Verdict {
	end := l.Seen.Add(c.Duration)
	if patient := c.Since.Add(c.Duration); n.Offered() && patient.After(end) {
		end = patient
	}
	switch {
	case !c.Now.Before(end):
		return no(Expired, fmt.Sprintf("the agent has not renewed its Lease for %s", c.Now.Sub(l.Seen).Round(time.Second)))
	case l.Renewals == 0 && !n.Offered():
		return no(Unproven, "the agent's Lease has not been renewed since the controller watches it")
	case l.Renewals == 0:
		return Verdict{true, Unproven, end.Sub(c.Now), "the agent's Lease has not been renewed since the controller watches it"}
	}
	return Verdict{true, Fresh, end.Sub(c.Now), "a ready agent renews its Lease"}
}

func no(r Reason, message string) Verdict { return Verdict{Reason: r, Message: message} }

package hold

import (
	"fmt"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
)

// Verdict is what is to become of the pod.
type Verdict string

// The verdicts.
const (
	Pass    Verdict = "Pass"    // it starts
	Enforce Verdict = "Enforce" // it starts once its rules are in the kernel
	Refuse  Verdict = "Refuse"  // it does not start now; the kubelet tries again
)

// Reasons, for machines.
const (
	notForeign       = "NotForeign"       // its namespace is not a guest's
	optedOut         = "OptedOut"         // its namespace is a guest's, and the Hospital has taken the guard off
	noSuchNamespace  = "NoSuchNamespace"  // the API server has no such namespace, so it cannot be a guest's
	unmarked         = "Unmarked"         // its namespace is unknown, but a guest's pod would have the mark
	Exempt           = "Exempt"           // its namespace is unknown, but it is one that the cluster itself needs
	foreignNamespace = "ForeignNamespace" // its namespace is a guest's
	marked           = "Marked"           // it was admitted in a guest's namespace
	unknownNamespace = "UnknownNamespace" // its namespace is unknown
	GuestSuspended   = "GuestSuspended"   // its namespace is a guest's that is suspended
	AgentAway        = "AgentAway"        // it is a guest's, and no agent is here to enforce it
)

// Known has the facts about a pod that is about to start.
type Known struct {
	Namespace string
	Space     gate.Space // the class of its namespace, from the best source available
	Fresh     bool       // that source is a synced watch; otherwise it is the node's cache
	Live      bool       // the API server was asked directly
	Missing   bool       // Live, and there is no such namespace
	Mark      gate.Mark
	Exempt    bool // its namespace is one of those that the cluster itself needs
	Marks     bool // every foreign pod has the mark: where marks are visible, a pod without one is not foreign
	Alone     bool // no agent can write rules: the plugin decides alone
}

// Decision is the verdict, and why.
type Decision struct {
	Verdict Verdict
	Guest   string // cluster id, for Enforce and GuestSuspended
	Reason  string
	Message string // for Refuse: what is wrong, and the way out
}

// Ask reports whether the API server itself should be asked before Judge: where what is known may be too old to let a
// pod pass. A namespace may have been made again, as a guest's, under a name that was none's.
func Ask(k Known) bool {
	return !k.Live && k.Space.Class != gate.Foreign && (!k.Fresh || k.Space.Class == gate.Unknown || k.Mark.Set)
}

// Judge decides. What is not known to be harmless does not pass.
func Judge(k Known) Decision {
	switch {
	case k.Space.Class == gate.Foreign && k.Space.Suspended:
		return Decision{Verdict: Refuse, Guest: k.Space.Guest, Reason: GuestSuspended, Message: fmt.Sprintf("guest %q is suspended: no pod of it starts; the pod starts "+
			"once the Hospital sets spec.state of the GuestPolicy %q or %q to Active", k.Space.Guest, k.Space.Guest, "default")}
	case k.Space.Class == gate.Foreign:
		return guarded(k, k.Space.Guest, foreignNamespace)
	case k.Mark.Set && (!k.Live || k.Missing):
		return guarded(k, k.Mark.Guest, marked)
	case k.Space.Class == gate.OptedOut:
		return Decision{Verdict: Pass, Reason: optedOut}
	case k.Space.Class == gate.Ordinary:
		return Decision{Verdict: Pass, Reason: notForeign}
	case k.Missing:
		return Decision{Verdict: Pass, Reason: noSuchNamespace}
	case k.Exempt:
		return Decision{Verdict: Pass, Reason: Exempt}
	case k.Marks && k.Mark.Shown:
		return Decision{Verdict: Pass, Reason: unmarked}
	default:
		return Decision{Verdict: Refuse, Reason: unknownNamespace, Message: unknown(k)}
	}
}

// guarded is the decision over a guest's pod.
func guarded(k Known, guest, reason string) Decision {
	if !k.Alone {
		return Decision{Verdict: Enforce, Guest: guest, Reason: reason}
	}
	return Decision{Verdict: Refuse, Reason: AgentAway, Message: fmt.Sprintf(
		"the pod is guest %q's (namespace %s), and the agent that would guard it does not answer on this node; %s",
		guest, k.Namespace, seeAgent)}
}

func unknown(k Known) string {
	if k.Alone {
		return fmt.Sprintf("namespace %s is not on this node's list: it was made while the agent did not answer here, so nobody "+
			"can say whether it is a guest's; %s", k.Namespace, seeAgent)
	}
	return fmt.Sprintf("namespace %s is new to this node's agent, and the API server, which could say whether it is a guest's, "+
		"does not answer; the pod starts once it does", k.Namespace)
}

// seeAgent is the way out when the agent is away.
const seeAgent = "the pod starts once it does: kubectl get pods -n " + apis.SystemNamespace + " -l app.kubernetes.io/name=data-space-agent -o wide"

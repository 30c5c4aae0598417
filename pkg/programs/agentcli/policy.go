package agentcli

import (
	"fmt"
	"io"
	"time"

	"data-space.liqo.io/pkg/values/agentapi"
)

// maxAudited is how many policies in mode Audit are shown, those that would refuse most.
const maxAudited = 20

// printPolicyStatus writes the state of NetworkPolicy for people. Ages are relative to now.
func printPolicyStatus(w io.Writer, s agentapi.PolicyStatus, now time.Time) error {
	state, verified := "not in force yet", "never"
	if s.InForce {
		state = "in force"
	}
	if s.LastVerified != nil {
		verified = now.Sub(*s.LastVerified).Round(time.Second).String() + " ago"
	}
	_, err := fmt.Fprintf(w, "NetworkPolicy on node %s: %s, iptables-%s, denial %s; %d of %d policies select %d of %d pods here; verified %s; drift repaired %d\n",
		s.Node, state, s.Backend, s.Denial, s.PoliciesOn, s.Policies, s.Isolated, s.LocalPods, verified, s.DriftRepaired)
	for _, r := range s.Refused {
		if r.Packets > 0 {
			fmt.Fprintf(w, "refused: %d packets, %s, %s\n", r.Packets, r.Reason, r.Family)
		}
	}
	for _, a := range s.Audited[:min(len(s.Audited), maxAudited)] {
		fmt.Fprintf(w, "mode Audit: %d connections would be refused, %s of the pods of %s\n", a.Connections, a.Direction, a.Policy)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "problem: %s\n", p)
	}
	return err
}

// printExplanation writes an explanation for people.
func printExplanation(w io.Writer, e agentapi.Explanation) error {
	verdict := "allowed"
	if !e.Allowed {
		verdict = "refused"
	}
	_, err := fmt.Fprintf(w, "%s on node %s\n%s\n", verdict, e.Node, e.Text)
	if !e.InForce {
		fmt.Fprintln(w, "but the kernel does not hold it yet: policies are not in force")
	}
	return err
}

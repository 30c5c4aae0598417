package ruleview

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"data-space.liqo.io/pkg/values/agentapi"
)

// Text returns the rules of a pod for people: chain by chain, each rule with its packets, reason, promise and words, and then what is
// missing. Ages are relative to now.
func Text(r agentapi.PodRules, now time.Time) string {
	var b strings.Builder
	verified := "never"
	if r.LastVerified != nil {
		verified = now.Sub(*r.LastVerified).Round(time.Second).String() + " ago"
	}
	state := string(r.State)
	if r.Reason != "" {
		state += " (" + r.Reason + ")"
	}
	fmt.Fprintf(&b, "pod %s/%s of guest %s: %s, iptables-%s, %s, verified %s\n", r.Namespace, r.Name, r.Guest, state, cmp.Or(r.Backend, "-"),
		cmp.Or(r.Rules.String(), "-"), verified)
	if r.Message != "" {
		fmt.Fprintln(&b, r.Message)
	}
	for _, c := range r.Chains {
		fmt.Fprintf(&b, "\n%s %s %s%s\n", c.Family, c.Table, c.Name, policy(c))
		for _, rule := range c.Rules {
			fmt.Fprintf(&b, "%10d packets  %s\n", rule.Packets, rule.Reason)
			if rule.Promise != "" {
				fmt.Fprintf(&b, "%20s promise: %s\n", "", rule.Promise)
			}
			fmt.Fprintf(&b, "%20s %s\n", "", rule.Words)
		}
	}
	missing := "nothing is missing: the kernel holds every rule that was planned"
	if len(r.Drift) > 0 {
		missing = "the kernel differs from the plan:"
	}
	fmt.Fprintf(&b, "\n%s\n", missing)
	for _, d := range r.Drift {
		fmt.Fprintf(&b, "  %s\n", d)
	}
	return b.String()
}

func policy(c agentapi.RuleChain) string {
	if c.Policy == "" {
		return ""
	}
	return fmt.Sprintf(", policy %s: %d packets", c.Policy, c.Packets)
}

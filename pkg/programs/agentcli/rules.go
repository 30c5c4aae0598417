package agentcli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
)

// Rules writes the rules that the kernel holds for a pod, NAMESPACE/NAME, as the agent that listens at the socket reads them.
func Rules(ctx context.Context, socket string, asJSON bool, pod string, w io.Writer) error {
	namespace, name, found := strings.Cut(pod, "/")
	if !found || namespace == "" || name == "" {
		return fmt.Errorf("--pod=%q: give NAMESPACE/NAME", pod)
	}
	var rules agentapi.PodRules
	if err := localsock.Ask(ctx, socket, http.MethodGet, agentapi.RulesURL(namespace, name), &rules); err != nil {
		return err
	}
	if asJSON {
		return printJSON(w, rules)
	}
	return printPodRules(w, rules, time.Now())
}

// printPodRules writes the rules for people: chain by chain, each rule with its packets, its reason and its words. Ages are relative
// to now.
func printPodRules(w io.Writer, r agentapi.PodRules, now time.Time) error {
	fmt.Fprintf(w, "pod %s/%s of guest %s: %s, iptables-%s, %s, verified %s\n", r.Namespace, r.Name, r.Guest, state(r.EndpointStatus), dash(r.Backend),
		dash(r.Rules.String()), age(r.LastVerified, now))
	if r.Message != "" {
		fmt.Fprintln(w, r.Message)
	}
	for _, f := range r.Drift {
		fmt.Fprintf(w, "drift: %s\n", f)
	}
	for _, c := range r.Chains {
		fmt.Fprintf(w, "\n%s %s %s%s\n", c.Family, c.Table, c.Name, policy(c))
		for _, rule := range c.Rules {
			fmt.Fprintf(w, "%10d packets  %s\n%20s %s\n", rule.Packets, rule.Reason, "", rule.Words)
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

func policy(c agentapi.RuleChain) string {
	if c.Policy == "" {
		return ""
	}
	return fmt.Sprintf(", policy %s: %d packets", c.Policy, c.Packets)
}

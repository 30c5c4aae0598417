package ruleview

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/iptables"
)

func planned() []iptables.Ruleset {
	return []iptables.Ruleset{{Family: iptables.V4, Tables: []iptables.Table{{Name: "filter", Chains: []iptables.Chain{
		{Name: "OUTPUT", Policy: iptables.Drop, Rules: []iptables.Rule{
			{Target: iptables.Accept, Reason: "The pod talks to itself."},
			{Comment: "ds-proxy", Target: iptables.Accept, Reason: "The proxy's own."},
			{Target: iptables.Drop, Reason: "Nothing else passes."},
		}},
	}}}}}
}

func kernel(rules ...iptables.SavedRule) []iptables.Saved {
	return []iptables.Saved{{Family: iptables.V4, Tables: []iptables.SavedTable{{Name: "filter", Chains: []iptables.SavedChain{
		{Name: "INPUT", Policy: iptables.Accept},
		{Name: "OUTPUT", Policy: iptables.Drop, Count: iptables.Counter{Packets: 7}, Rules: rules},
	}}}}}
}

func rule(text, comment string) iptables.SavedRule {
	return iptables.SavedRule{Words: strings.Fields(text), Comment: comment, Count: iptables.Counter{Packets: 3, Bytes: 180}}
}

func differences(want, have iptables.Saved) []agentapi.Difference {
	var all []agentapi.Difference
	for _, f := range drift.Compare(want, have) {
		all = append(all, agentapi.Difference{Family: string(f.Family), Kind: string(f.Kind), Where: f.Where, What: f.What})
	}
	return all
}

func reasons(c agentapi.RuleChain) []string {
	var all []string
	for _, r := range c.Rules {
		all = append(all, r.Reason)
	}
	return all
}

func TestEachRuleHasTheReasonForWhichItWasPlanned(t *testing.T) {
	own, proxy, drop := rule("-o lo -j ACCEPT", ""), rule("-j ACCEPT", "ds-proxy"), rule("-j DROP", "")
	mine, stranger := rule("-s 10.0.0.7 -j ACCEPT", ""), rule("-m comment --comment mine -j ACCEPT", "mine")
	for name, c := range map[string]struct {
		kernel []iptables.SavedRule
		want   []string
	}{
		"as planned":          {[]iptables.SavedRule{own, proxy, drop}, []string{"The pod talks to itself.", "The proxy's own.", "Nothing else passes."}},
		"a rule before them":  {[]iptables.SavedRule{mine, own, proxy, drop}, []string{Unplanned, Unnamed, "The proxy's own.", Unnamed}},
		"one with a name":     {[]iptables.SavedRule{stranger, proxy}, []string{Unplanned, "The proxy's own."}},
		"in place of another": {[]iptables.SavedRule{mine, proxy, drop}, []string{Unplanned, "The proxy's own.", "Nothing else passes."}},
		"nothing of the plan": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			have := kernel(c.kernel...)
			all := Chains(planned(), have, differences(kernel(own, proxy, drop)[0], have[0]))
			require.Len(t, all, 1, "an empty chain that accepts is no rule")
			require.Equal(t, c.want, reasons(all[0]))
			require.Equal(t, "OUTPUT", all[0].Name)
			require.Equal(t, "DROP", all[0].Policy)
			require.Equal(t, uint64(7), all[0].Packets)
		})
	}
	first := Chains(planned(), kernel(own), nil)[0].Rules[0]
	require.Equal(t, agentapi.Rule{Words: "-o lo -j ACCEPT", Reason: Unnamed, Packets: 3, Bytes: 180}, first)
}

func TestAChainThatWasNotPlannedIsShown(t *testing.T) {
	have := kernel()
	have[0].Tables[0].Chains[0].Rules = []iptables.SavedRule{rule("-j ACCEPT", "")}
	all := Chains(planned(), have, differences(kernel()[0], have[0]))
	require.Len(t, all, 2)
	require.Equal(t, []string{Unplanned}, reasons(all[0]))
}

func TestTheTextHasReasonPromiseCounterAndWhatIsMissing(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	rules := agentapi.PodRules{
		EndpointStatus: agentapi.EndpointStatus{Namespace: "pharma-space", Name: "study", Guest: "pharma", State: agentapi.Enforced},
		Chains: []agentapi.RuleChain{{Family: "ipv4", Table: "filter", Name: "OUTPUT", Policy: "DROP", Packets: 7, Rules: []agentapi.Rule{
			{Words: "-j DROP", Reason: "Nothing else passes.", Promise: promiseOf("ds-out-drop-tcp"), Packets: 3},
		}}},
	}
	text := Text(rules, now)
	for _, part := range []string{"OUTPUT, policy DROP: 7 packets", "3 packets  Nothing else passes.", "promise: Nothing leaves the pod", "nothing is missing"} {
		require.Contains(t, text, part)
	}
	rules.Drift = []agentapi.Difference{{Family: "ipv4", Kind: "missing", Where: "nat/OUTPUT", What: "rule -j X"}}
	require.Contains(t, Text(rules, now), "  ipv4 nat/OUTPUT: missing rule -j X\n")
	require.NotContains(t, Text(rules, now), "nothing is missing")
}

func TestEachRuleOfOursHasAPromise(t *testing.T) {
	page, err := os.ReadFile("../../../RULES.md") // which is generated from the planner
	require.NoError(t, err)
	names := regexp.MustCompile("(?m)^\\| `(ds-[a-z-]+)`").FindAllSubmatch(page, -1)
	require.Greater(t, len(names), 50)
	for _, name := range names {
		require.NotEmpty(t, promiseOf(string(name[1])), string(name[1]))
	}
	require.Empty(t, promiseOf("KUBE-FORWARD"))
}

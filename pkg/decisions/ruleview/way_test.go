package ruleview_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/decisions/ruleview"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/iptables"
)

// held is what a kernel holds that was given the rulesets.
func held(state agentapi.State, sets []iptables.Ruleset) agentapi.PodRules {
	rules := agentapi.PodRules{EndpointStatus: agentapi.EndpointStatus{State: state}}
	for _, set := range sets {
		for _, table := range set.Tables {
			for _, c := range table.Chains {
				chain := agentapi.RuleChain{Family: string(set.Family), Table: table.Name, Name: c.Name, Rules: []agentapi.Rule{}}
				for _, r := range c.Rules {
					chain.Rules = append(chain.Rules, agentapi.Rule{Words: "-m comment --comment " + r.Comment, Reason: r.Reason, Packets: 3})
				}
				rules.Chains = append(rules.Chains, chain)
			}
		}
	}
	return rules
}

// TestTheWayOfAConnectionIsOfRulesThatArePlanned has each kind of connection led through the rules that the agent plans, of both families.
func TestTheWayOfAConnectionIsOfRulesThatArePlanned(t *testing.T) {
	settings := redirect.Settings{IPv6: true}
	bound := held(agentapi.Enforced, redirect.Plan(settings, redirect.Proxy{Cgroup: "pod/proxy"}))
	unbound := held(agentapi.Closed, redirect.Plan(settings, redirect.Proxy{}))
	for _, family := range []string{"ipv4", "ipv6"} {
		for _, c := range []struct {
			connection ruleview.Connection
			want       string
			passes     bool
		}{
			{ruleview.Connection{Protocol: "tcp", Port: 443}, "ds-nat-out-tcp ds-out-redirected ds-out-proxy-tcp ds-wire-proxy", true},
			{ruleview.Connection{Protocol: "udp", Port: 53}, "ds-nat-out-dns ds-out-redirected ds-out-proxy-dns ds-wire-proxy", true},
			{ruleview.Connection{Protocol: "udp", Port: 443}, "ds-out-drop-udp", false},
			{ruleview.Connection{Protocol: "icmp"}, "ds-out-drop-icmp", false},
			{ruleview.Connection{Protocol: "sctp", Port: 7}, "ds-out-drop-other", false},
			{ruleview.Connection{Incoming: true, Protocol: "tcp", Port: 8080}, "ds-nat-in ds-in-redirected", true},
			{ruleview.Connection{Incoming: true, Protocol: "tcp", Port: 13043}, "ds-in-ready", true},
			{ruleview.Connection{Incoming: true, Protocol: "tcp", Port: 13041}, "ds-in-direct", false},
			{ruleview.Connection{Incoming: true, Protocol: "tcp", Port: 13032}, "ds-in-drop-tcp", false},
			{ruleview.Connection{Incoming: true, Protocol: "udp", Port: 8080}, "ds-in-drop-udp", false},
		} {
			c.connection.Family = family
			lines, passes := ruleview.Way(bound, c.connection)
			require.Equal(t, c.passes, passes, "%+v: %s", c.connection, lines)
			require.Equal(t, c.want, names(lines), "%+v: %s", c.connection, lines)
			lines, passes = ruleview.Way(unbound, c.connection)
			require.False(t, passes, "without a proxy: %+v", c.connection)
			require.Contains(t, lines[len(lines)-1], "refused by filter/", "%+v", c.connection)
			require.Contains(t, lines[len(lines)-1], "The pod is Closed")
		}
	}
	lines, passes := ruleview.Way(agentapi.PodRules{EndpointStatus: agentapi.EndpointStatus{State: agentapi.Failed}}, ruleview.Connection{Family: "ipv4", Protocol: "tcp", Port: 1})
	require.False(t, passes)
	require.Contains(t, lines[0], "no rule of filter/OUTPUT lets it pass")
	_, passes = ruleview.Way(held(agentapi.Exempt, nil), ruleview.Connection{Family: "ipv4", Protocol: "tcp", Port: 1})
	require.True(t, passes)
}

// TestTheWayIsFoundInWhatKernelsPrint reads what the kernel test of pkg/effects/dataplane has kept of both backends.
func TestTheWayIsFoundInWhatKernelsPrint(t *testing.T) {
	for _, backend := range []string{"nft", "legacy"} {
		for _, family := range []iptables.Family{iptables.V4, iptables.V6} {
			for kept, want := range map[string]string{"bound": "ds-nat-out-tcp ds-out-redirected ds-out-proxy-tcp ds-wire-proxy", "unbound": "ds-nat-out-tcp ds-out-redirected ds-out-drop-tcp"} {
				text, err := os.ReadFile("../../effects/dataplane/testdata/" + backend + "-" + string(family) + "-" + kept + ".txt")
				require.NoError(t, err)
				saved, err := iptables.ParseSave(family, string(text))
				require.NoError(t, err)
				rules := agentapi.PodRules{Chains: ruleview.Chains(nil, []iptables.Saved{saved}, nil)}
				lines, passes := ruleview.Way(rules, ruleview.Connection{Family: string(family), Protocol: "tcp", Port: 443})
				require.Equal(t, kept == "bound", passes)
				require.Equal(t, want, names(lines))
			}
		}
	}
}

// names are the names of rules in lines.
func names(lines []string) string {
	var all []string
	for _, line := range lines {
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "ds-") && word != "ds-in-refuse" {
				all = append(all, word)
			}
		}
	}
	return strings.Join(all, " ")
}

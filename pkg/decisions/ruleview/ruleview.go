package ruleview

import (
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/iptables"
)

// Reasons of rules in a chain that differs from the plan.
const (
	Unplanned = "NOT PLANNED: another program has written it; the agent removes it at its next verification"
	Unnamed   = "Planned; the chain differs from the plan, see the drift."
)

// Chains returns the chains that the kernel holds, in its order, with the reason of each rule. Empty chains that accept are left out.
// differences are all between plan and kernel.
func Chains(planned []iptables.Ruleset, have []iptables.Saved, differences []agentapi.Difference) []agentapi.RuleChain {
	foreign := map[string]bool{}
	for _, d := range differences {
		if d.Kind == "unexpected" {
			foreign[key(d.Family, d.Where, d.What)] = true
		}
	}
	var all []agentapi.RuleChain
	for _, set := range have {
		for _, table := range set.Tables {
			for _, c := range table.Chains {
				if len(c.Rules) == 0 && c.Policy != iptables.Drop {
					continue
				}
				all = append(all, chain(set.Family, table.Name, c, rulesOf(planned, set.Family, table.Name, c.Name), foreign))
			}
		}
	}
	return all
}

func chain(family iptables.Family, table string, have iptables.SavedChain, planned []iptables.Rule, foreign map[string]bool) agentapi.RuleChain {
	c := agentapi.RuleChain{Family: string(family), Table: table, Name: have.Name, Policy: string(have.Policy), Packets: have.Count.Packets, Rules: []agentapi.Rule{}}
	inOrder := sameOrder(planned, have.Rules)
	for i, r := range have.Rules {
		reason, promise := byComment(planned, r.Comment), promiseOf(r.Comment)
		switch {
		case foreign[key(string(family), table+"/"+have.Name, "rule "+r.String())]:
			reason, promise = Unplanned, ""
		case inOrder:
			reason = planned[i].Reason
		}
		c.Rules = append(c.Rules, agentapi.Rule{Words: r.String(), Reason: reason, Promise: promise, Packets: r.Count.Packets, Bytes: r.Count.Bytes})
	}
	return c
}

// sameOrder reports whether the rules have the planned names and targets, in order. Words differ: the kernel's are not ours.
func sameOrder(planned []iptables.Rule, have []iptables.SavedRule) bool {
	if len(planned) != len(have) {
		return false
	}
	for i := range planned {
		if planned[i].Comment != have[i].Comment {
			return false
		}
	}
	return true
}

func byComment(planned []iptables.Rule, comment string) string {
	for _, p := range planned {
		if p.Comment != "" && p.Comment == comment {
			return p.Reason
		}
	}
	return Unnamed
}

func key(family, where, what string) string { return family + " " + where + " " + what }

func rulesOf(planned []iptables.Ruleset, family iptables.Family, table, chain string) []iptables.Rule {
	for _, set := range planned {
		if set.Family != family {
			continue
		}
		for _, t := range set.Tables {
			for _, c := range t.Chains {
				if t.Name == table && c.Name == chain {
					return c.Rules
				}
			}
		}
	}
	return nil
}

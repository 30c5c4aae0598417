package iptables_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/iptables"
)

// sample is a ruleset with everything that a ruleset can have.
func sample() iptables.Ruleset {
	return iptables.Ruleset{Family: iptables.V4, Tables: []iptables.Table{
		{Name: "filter", Chains: []iptables.Chain{
			{Name: "INPUT", Policy: iptables.Drop, Count: iptables.Counter{Packets: 7, Bytes: 700}},
			{Name: "OUTPUT", Policy: iptables.Accept, Rules: []iptables.Rule{
				{Matches: []iptables.Match{iptables.Cgroup{Path: "/pod/a"}}, Comment: "a", Target: iptables.Jump("OWN"), Count: iptables.Counter{Packets: 1, Bytes: 60}},
				{Matches: []iptables.Match{iptables.Cgroup{Path: "/pod/a", Not: true}}, Comment: "two words", Target: iptables.Drop},
			}},
			{Name: "OWN", Policy: iptables.NoPolicy, Rules: []iptables.Rule{{Target: iptables.Accept}}},
		}},
		{Name: "nat", Chains: []iptables.Chain{{Name: "PREROUTING", Policy: iptables.Accept}}},
	}}
}

func TestRuleset(t *testing.T) {
	t.Run("finds its tables and chains by name", func(t *testing.T) {
		filter, ok := sample().Table("filter")
		require.True(t, ok)
		own, ok := filter.Chain("OWN")
		require.True(t, ok)
		require.Len(t, own.Rules, 1)
		_, ok = filter.Chain("NONE")
		require.False(t, ok)
		_, ok = sample().Table("raw")
		require.False(t, ok)
	})
	t.Run("counts the rules of a table over all its chains", func(t *testing.T) {
		filter, _ := sample().Table("filter")
		require.Equal(t, 3, filter.Rules())
	})
	t.Run("lists each cgroup once, whether matched or excluded", func(t *testing.T) {
		require.Equal(t, []string{"/pod/a"}, sample().Cgroups())
	})
	t.Run("names another cgroup in every match, and leaves the original as it was", func(t *testing.T) {
		original := sample()
		require.Equal(t, []string{"/pod/b"}, original.EditCgroups(func(string) string { return "/pod/b" }).Cgroups())
		require.Equal(t, sample(), original)
	})
}

func TestEmpty(t *testing.T) {
	chain := func(c iptables.SavedChain) iptables.SavedTable {
		return iptables.SavedTable{Name: "filter", Chains: []iptables.SavedChain{c}}
	}
	for name, c := range map[string]struct {
		table iptables.SavedTable
		want  bool
	}{
		"an accepting chain is empty":       {chain(iptables.SavedChain{Name: "INPUT", Policy: iptables.Accept}), true},
		"a dropping chain is not empty":     {chain(iptables.SavedChain{Name: "INPUT", Policy: iptables.Drop}), false},
		"an own chain is not empty":         {chain(iptables.SavedChain{Name: "OWN", Policy: iptables.NoPolicy}), false},
		"a chain with a rule is not empty":  {chain(iptables.SavedChain{Name: "INPUT", Policy: iptables.Accept, Rules: []iptables.SavedRule{{}}}), false},
		"what cannot be shown is not empty": {iptables.SavedTable{Name: "filter", Opaque: true}, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.table.Empty()) })
	}
}

func TestSealed(t *testing.T) {
	table := func(policy iptables.Verdict, rules ...iptables.Rule) iptables.Table {
		c := iptables.Chain{Name: "OUTPUT", Policy: policy, Rules: rules}
		return iptables.Table{Name: "filter", Chains: []iptables.Chain{{Name: "OWN", Policy: iptables.NoPolicy}, c}}
	}
	lo := iptables.Rule{Matches: []iptables.Match{iptables.Out{Interface: "lo"}}, Target: iptables.Accept}
	drop := iptables.Rule{Target: iptables.Drop}
	for name, test := range map[string]struct {
		table iptables.Table
		want  bool
	}{
		"a policy that accepts":               {table(iptables.Accept), true},
		"a policy on its own":                 {table(iptables.Drop), false},
		"a last rule that drops":              {table(iptables.Drop, lo, drop), true},
		"with a comment":                      {table(iptables.Drop, iptables.Rule{Comment: "why", Target: iptables.Drop}), true},
		"a last rule that drops some":         {table(iptables.Drop, iptables.Rule{Matches: []iptables.Match{iptables.TCP}, Target: iptables.Drop}), false},
		"a last rule that only sends back":    {table(iptables.Drop, iptables.Rule{Target: iptables.RejectReset}), false},
		"a rule that drops, and then another": {table(iptables.Drop, drop, lo), false},
	} {
		require.Equal(t, test.want, test.table.Sealed(), name)
	}
}

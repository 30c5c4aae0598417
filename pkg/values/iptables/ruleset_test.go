package iptables_test

import (
	"strings"
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
				{Args: []string{"-m", "comment", "--comment", "a", "-m", "cgroup", "--path", "/pod/a", "-j", "OWN"}, Count: iptables.Counter{Packets: 1, Bytes: 60}},
				{Args: []string{"-m", "comment", "--comment", "two words", "-m", "cgroup", "!", "--path", "/pod/a", "-j", "DROP"}},
			}},
			{Name: "OWN", Policy: iptables.NoPolicy, Rules: []iptables.Rule{{Args: []string{"-j", "ACCEPT"}}}},
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
	t.Run("names a rule by its comment", func(t *testing.T) {
		filter, _ := sample().Table("filter")
		require.Equal(t, "a", filter.Chains[1].Rules[0].Comment())
		require.Empty(t, filter.Chains[2].Rules[0].Comment())
		require.Empty(t, iptables.Rule{Args: []string{"--comment"}}.Comment(), "an option without its word")
	})
	t.Run("lists each cgroup once, whether matched or excluded", func(t *testing.T) {
		require.Equal(t, []string{"/pod/a"}, sample().Cgroups())
	})
	t.Run("names another cgroup in every match, and leaves the original as it was", func(t *testing.T) {
		original := sample()
		require.Equal(t, []string{"/pod/b"}, original.WithCgroup("/pod/b").Cgroups())
		require.Equal(t, sample(), original)
	})
}

func TestEmpty(t *testing.T) {
	chain := func(c iptables.Chain) iptables.Ruleset {
		return iptables.Ruleset{Tables: []iptables.Table{{Name: "filter", Chains: []iptables.Chain{c}}}}
	}
	for name, c := range map[string]struct {
		set  iptables.Ruleset
		want bool
	}{
		"no table is empty":                  {iptables.Ruleset{}, true},
		"an accepting chain is empty":        {chain(iptables.Chain{Name: "INPUT", Policy: iptables.Accept}), true},
		"a dropping chain is not empty":      {chain(iptables.Chain{Name: "INPUT", Policy: iptables.Drop}), false},
		"an own chain is not empty":          {chain(iptables.Chain{Name: "OWN", Policy: iptables.NoPolicy}), false},
		"a chain with a rule is not empty":   {chain(iptables.Chain{Name: "INPUT", Policy: iptables.Accept, Rules: []iptables.Rule{{}}}), false},
		"what cannot be shown is not empty":  {iptables.Ruleset{Tables: []iptables.Table{{Name: "filter", Opaque: true}}}, false},
		"the sample is not empty, of course": {sample(), false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.set.Empty()) })
	}
}

func TestSealed(t *testing.T) {
	table := func(policy iptables.Policy, rules ...string) iptables.Table {
		c := iptables.Chain{Name: "OUTPUT", Policy: policy}
		for _, r := range rules {
			c.Rules = append(c.Rules, iptables.Rule{Args: strings.Fields(r)})
		}
		return iptables.Table{Name: "filter", Chains: []iptables.Chain{{Name: "OWN", Policy: iptables.NoPolicy}, c}}
	}
	for name, test := range map[string]struct {
		table iptables.Table
		want  bool
	}{
		"a policy that accepts":               {table(iptables.Accept), true},
		"a policy on its own":                 {table(iptables.Drop), false},
		"a last rule that drops":              {table(iptables.Drop, "-o lo -j ACCEPT", "-j DROP"), true},
		"with a comment":                      {table(iptables.Drop, "-m comment --comment why -j DROP"), true},
		"a last rule that drops some":         {table(iptables.Drop, "-p tcp -m comment --comment why -j DROP"), false},
		"a last rule that only sends back":    {table(iptables.Drop, "-j REJECT"), false},
		"a rule that drops, and then another": {table(iptables.Drop, "-j DROP", "-o lo -j ACCEPT"), false},
	} {
		require.Equal(t, test.want, test.table.Sealed(), name)
	}
}

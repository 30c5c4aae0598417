package iptables_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/iptables"
)

func TestOver(t *testing.T) {
	held, err := iptables.ParseSave(iptables.V4, `*filter
:INPUT ACCEPT [9:900]
:OWN - [0:0]
[5:500] -A INPUT -m comment --comment foreign -j ACCEPT
[6:600] -A INPUT -m comment --comment kept -s 192.0.2.0/24 -j DROP
[7:700] -A INPUT -j DROP
[8:800] -A OWN -m comment --comment kept -j DROP
COMMIT
*raw
:PREROUTING DROP [3:300]
:OWN - [0:0]
[1:1] -A PREROUTING -j OWN
COMMIT
`)
	require.NoError(t, err)
	rule := func(comment string) iptables.Rule { return iptables.Rule{Comment: comment, Target: iptables.Drop} }
	desired := iptables.Ruleset{Family: iptables.V4, Tables: []iptables.Table{{Name: "filter", Chains: []iptables.Chain{
		{Name: "INPUT", Policy: iptables.Drop, Rules: []iptables.Rule{
			rule("new"),
			rule("kept"),
			rule(""),
		}},
		{Name: "OUTPUT", Policy: iptables.Drop},
		{Name: "OWN", Policy: iptables.NoPolicy},
	}}}}

	written := desired.Over(held)
	t.Run("carries over the counts of policies and of rules known by their comment", func(t *testing.T) {
		input := written.Tables[0].Chains[0]
		require.Equal(t, iptables.Counter{Packets: 9, Bytes: 900}, input.Count)
		require.Equal(t, iptables.Drop, input.Policy, "the policy itself is the desired one")
		require.Equal(t, []iptables.Counter{{}, {Packets: 6, Bytes: 600}, {}}, []iptables.Counter{input.Rules[0].Count, input.Rules[1].Count, input.Rules[2].Count})
		require.Zero(t, written.Tables[0].Chains[1].Count)
	})
	t.Run("blanks tables that only the namespace has, last", func(t *testing.T) {
		require.Equal(t, iptables.Table{Name: "raw", Chains: []iptables.Chain{{Name: "PREROUTING", Policy: iptables.Accept}}}, written.Tables[1])
		require.Len(t, written.Tables, 2)
	})
	t.Run("leaves the desired ruleset as it was", func(t *testing.T) {
		require.Zero(t, desired.Tables[0].Chains[0].Count)
		require.Len(t, desired.Tables, 1)
	})
}

func TestEqualRulesHaveEqualText(t *testing.T) {
	parse := func(text string) iptables.Saved {
		set, err := iptables.ParseSave(iptables.V4, text)
		require.NoError(t, err)
		return set
	}
	a := parse("*nat\n:INPUT ACCEPT [5:50]\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n[1:2] -A INPUT -j DROP\nCOMMIT\n")
	b := parse("*filter\n:INPUT DROP [7:70]\n-A INPUT -j DROP\nCOMMIT\n*nat\n:INPUT ACCEPT\nCOMMIT\n")
	require.Equal(t, a.Text(), b.Text())
	require.Equal(t, "*filter\n:INPUT DROP [0:0]\n[0:0] -A INPUT -j DROP\nCOMMIT\n*nat\n:INPUT ACCEPT [0:0]\nCOMMIT\n", a.Text())
	require.NotEqual(t, a.Text(), parse("*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n*nat\n:INPUT ACCEPT\nCOMMIT\n").Text())
	require.Equal(t, "nat", a.Tables[0].Name, "the original is left as it was")
}

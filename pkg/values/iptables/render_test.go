package iptables_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/iptables"
)

func TestRestore(t *testing.T) {
	t.Run("renders what iptables-restore --counters reads, chains before rules", func(t *testing.T) {
		require.Equal(t, `*filter
:INPUT DROP [7:700]
:OUTPUT ACCEPT [0:0]
:OWN - [0:0]
[1:60] -A OUTPUT -m cgroup --path /pod/a -m comment --comment a -j OWN
[0:0] -A OUTPUT -m cgroup ! --path /pod/a -m comment --comment "two words" -j DROP
[0:0] -A OWN -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
COMMIT
`, sample().Restore())
	})
	t.Run("renders what fills empty chains, and leaves their policies alone", func(t *testing.T) {
		require.Equal(t, `*filter
:OWN - [0:0]
[1:60] -A OUTPUT -m cgroup --path /pod/a -m comment --comment a -j OWN
[0:0] -A OUTPUT -m cgroup ! --path /pod/a -m comment --comment "two words" -j DROP
[0:0] -A OWN -j ACCEPT
COMMIT
`, sample().Tables[0].Filling())
	})
	t.Run("is read back with the same words", func(t *testing.T) {
		again, err := iptables.ParseSave(iptables.V4, sample().Restore())
		require.NoError(t, err)
		require.Equal(t, sample().Cgroups(), again.Cgroups())
		for i, table := range sample().Tables {
			for j, chain := range table.Chains {
				require.Equal(t, chain.Policy, again.Tables[i].Chains[j].Policy)
				for k, r := range chain.Rules {
					read := again.Tables[i].Chains[j].Rules[k]
					require.Equal(t, r.Words(), read.Words)
					require.Equal(t, r.Comment, read.Comment)
					require.Equal(t, r.Count, read.Count)
				}
			}
		}
	})
}

func TestQuoting(t *testing.T) {
	for name, word := range map[string]string{
		"a plain word":         "/kubepods.slice/cri-containerd-0.scope",
		"a word with blanks":   "a b",
		"an empty word":        "",
		"a quoted word":        `say "no"`,
		"an apostrophe":        "it's",
		"a backslash":          `system\x2dslice`,
		"a backslash at last":  `a\`,
		"letters of any tribe": "größe/日本",
	} {
		t.Run(name+" comes back as it was", func(t *testing.T) {
			set := iptables.Ruleset{Family: iptables.V4, Tables: []iptables.Table{{Name: "filter", Chains: []iptables.Chain{
				{Name: "A", Policy: iptables.NoPolicy, Rules: []iptables.Rule{{Matches: []iptables.Match{iptables.Cgroup{Path: word}}, Target: iptables.Drop}}},
			}}}}
			require.NoError(t, set.Check())
			again, err := iptables.ParseSave(iptables.V4, set.Restore())
			require.NoError(t, err)
			require.Equal(t, []string{word}, again.Cgroups())
		})
	}
}

func TestCheckRefusesAWordThatWouldStartAnotherLine(t *testing.T) {
	for _, word := range []string{"a\n-A OUTPUT -j ACCEPT", "a\rb", "a\x00b"} {
		err := sample().EditCgroups(func(string) string { return word }).Check()
		require.ErrorContains(t, err, `rule "a" of filter/OUTPUT`)
	}
	require.NoError(t, sample().Check())
}

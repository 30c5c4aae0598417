package drift_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/values/iptables"
)

const wanted = `*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
:OWN - [0:0]
-A OUTPUT -o lo -m comment --comment first -j ACCEPT
-A OUTPUT -p tcp -m comment --comment second -j OWN
-A OUTPUT -m comment --comment third -j DROP
-A OWN -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A OUTPUT -p tcp -m comment --comment redirect -j REDIRECT --to-ports 13031
COMMIT
`

func parse(t *testing.T, text string) iptables.Saved {
	t.Helper()
	set, err := iptables.ParseSave(iptables.V4, text)
	require.NoError(t, err)
	return set
}

// change is one change that somebody made to the wanted ruleset.
type change func(*iptables.Saved)

func chain(s *iptables.Saved, table, name string) *iptables.SavedChain {
	for i := range s.Tables {
		for j := range s.Tables[i].Chains {
			if s.Tables[i].Name == table && s.Tables[i].Chains[j].Name == name {
				return &s.Tables[i].Chains[j]
			}
		}
	}
	return nil // and the test ends there
}

// output changes the rules of a table's OUTPUT.
func output(table string, f func([]iptables.SavedRule) []iptables.SavedRule) change {
	return func(s *iptables.Saved) { c := chain(s, table, "OUTPUT"); c.Rules = f(c.Rules) }
}

func TestCompare(t *testing.T) {
	foreign := iptables.SavedRule{Words: []string{"-j", "ACCEPT"}}
	for name, c := range map[string]struct {
		change change
		want   []string
	}{
		"finds nothing where nothing differs": {func(*iptables.Saved) {}, nil},
		"finds nothing in other counters": {func(s *iptables.Saved) {
			chain(s, "filter", "OUTPUT").Count.Packets = 3
			chain(s, "filter", "OUTPUT").Rules[0].Count.Packets = 3
		}, nil},
		"finds nothing in another order of tables or chains": {func(s *iptables.Saved) {
			slices.Reverse(s.Tables)
			slices.Reverse(s.Tables[0].Chains)
		}, nil},
		"finds nothing in another table that is empty": {func(s *iptables.Saved) {
			s.Tables = append(s.Tables, iptables.SavedTable{Name: "raw", Chains: []iptables.SavedChain{{Name: "OUTPUT", Policy: iptables.Accept}}})
		}, nil},
		"finds a foreign ACCEPT at the top": {
			output("filter", func(r []iptables.SavedRule) []iptables.SavedRule { return slices.Insert(r, 0, foreign) }),
			[]string{"ipv4 filter/OUTPUT: unexpected rule -j ACCEPT"},
		},
		"finds a rule that is gone": {
			output("filter", func(r []iptables.SavedRule) []iptables.SavedRule { return slices.Delete(r, 1, 2) }),
			[]string{"ipv4 filter/OUTPUT: missing rule -p tcp -m comment --comment second -j OWN"},
		},
		"finds a rule that was edited, both as it should be and as it is": {
			output("nat", func(r []iptables.SavedRule) []iptables.SavedRule { r[0].Words[len(r[0].Words)-1] = "80"; return r }),
			[]string{
				"ipv4 nat/OUTPUT: missing rule -p tcp -m comment --comment redirect -j REDIRECT --to-ports 13031",
				"ipv4 nat/OUTPUT: unexpected rule -p tcp -m comment --comment redirect -j REDIRECT --to-ports 80",
			},
		},
		"finds a rule that stands twice": {
			output("filter", func(r []iptables.SavedRule) []iptables.SavedRule { return append(r, r[0]) }),
			[]string{"ipv4 filter/OUTPUT: unexpected rule -o lo -m comment --comment first -j ACCEPT"},
		},
		"finds the right rules in another order": {
			output("filter", func(r []iptables.SavedRule) []iptables.SavedRule { slices.Reverse(r); return r }),
			[]string{"ipv4 filter/OUTPUT: moved rules: third, second, first"},
		},
		"finds another policy": {
			func(s *iptables.Saved) { chain(s, "filter", "INPUT").Policy = iptables.Accept },
			[]string{"ipv4 filter/INPUT: changed policy ACCEPT, should be DROP"},
		},
		"finds a chain too many, with its rules": {
			func(s *iptables.Saved) {
				s.Tables[1].Chains = append(s.Tables[1].Chains, iptables.SavedChain{Name: "EXTRA", Policy: iptables.NoPolicy, Rules: []iptables.SavedRule{foreign}})
			},
			[]string{"ipv4 nat: unexpected chain EXTRA", "ipv4 nat/EXTRA: unexpected rule -j ACCEPT"},
		},
		"finds a built-in chain too many if it does anything": {
			func(s *iptables.Saved) {
				s.Tables[1].Chains = append(s.Tables[1].Chains,
					iptables.SavedChain{Name: "INPUT", Policy: iptables.Accept}, iptables.SavedChain{Name: "POSTROUTING", Policy: iptables.Drop})
			},
			[]string{"ipv4 nat/POSTROUTING: changed policy DROP, should be ACCEPT"},
		},
		"finds a chain that is gone, with its rules": {
			func(s *iptables.Saved) {
				s.Tables[0].Chains = slices.DeleteFunc(s.Tables[0].Chains, func(c iptables.SavedChain) bool { return c.Name == "OWN" })
			},
			[]string{"ipv4 filter: missing chain OWN", "ipv4 filter/OWN: missing rule -j ACCEPT"},
		},
		"finds a table too many": {
			func(s *iptables.Saved) {
				s.Tables = append(s.Tables, iptables.SavedTable{Name: "raw", Chains: []iptables.SavedChain{
					{Name: "OUTPUT", Policy: iptables.Accept, Rules: []iptables.SavedRule{{Words: []string{"-j", "CT", "--notrack"}}}},
				}})
			},
			[]string{"ipv4 raw/OUTPUT: unexpected rule -j CT --notrack"},
		},
		"finds what a missing table should hold": {
			func(s *iptables.Saved) { s.Tables = s.Tables[:1] },
			[]string{"ipv4 nat/OUTPUT: missing rule -p tcp -m comment --comment redirect -j REDIRECT --to-ports 13031"},
		},
		"finds the policies that a missing table should hold": {
			func(s *iptables.Saved) { s.Tables = nil },
			[]string{
				"ipv4 filter/INPUT: changed policy ACCEPT, should be DROP",
				"ipv4 filter/FORWARD: changed policy ACCEPT, should be DROP",
				"ipv4 filter/OUTPUT: changed policy ACCEPT, should be DROP",
				"ipv4 filter/OUTPUT: missing rule -o lo -m comment --comment first -j ACCEPT",
				"ipv4 filter/OUTPUT: missing rule -p tcp -m comment --comment second -j OWN",
				"ipv4 filter/OUTPUT: missing rule -m comment --comment third -j DROP",
				"ipv4 filter: missing chain OWN",
				"ipv4 filter/OWN: missing rule -j ACCEPT",
				"ipv4 nat/OUTPUT: missing rule -p tcp -m comment --comment redirect -j REDIRECT --to-ports 13031",
			},
		},
		"finds that a table holds what iptables cannot show": {
			func(s *iptables.Saved) { s.Tables[0].Opaque = true },
			[]string{"ipv4 filter: unexpected something that iptables cannot show; nft list table shows it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			have := parse(t, wanted)
			c.change(&have)
			var got []string
			for _, f := range drift.Compare(parse(t, wanted), have) {
				got = append(got, f.String())
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestCompareNamesMovedRulesWithoutACommentByTheirWords(t *testing.T) {
	const head, tail = "*filter\n:INPUT DROP [0:0]\n", "COMMIT\n"
	findings := drift.Compare(
		parse(t, head+"-A INPUT -p tcp -j DROP\n-A INPUT -p udp -j DROP\n"+tail),
		parse(t, head+"-A INPUT -p udp -j DROP\n-A INPUT -p tcp -j DROP\n"+tail))
	require.Equal(t, []drift.Finding{{
		Family: iptables.V4, Kind: drift.Moved, Where: "filter/INPUT", What: "rules: -p udp -j DROP, -p tcp -j DROP",
	}}, findings)
}

func TestAFindingNamesItsTable(t *testing.T) {
	require.Equal(t, "nat", drift.Finding{Where: "nat/OUTPUT"}.Table())
	require.Equal(t, "raw", drift.Finding{Where: "raw"}.Table())
}

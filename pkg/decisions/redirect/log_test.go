package redirect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/iptables"
)

// Rules that log decide nothing: without them the plan is the one that does not log. Each stands before a rule that drops the same packets, has a limit of
// its own, and no packet meets it that a later rule of the chain accepts.
func TestRulesThatLogDecideNothing(t *testing.T) {
	for _, bound := range []bool{true, false} {
		logging := redirect.Plan(redirect.Settings{IPv6: true, LogDrops: true}, proxy(bound))
		for i, plain := range redirect.Plan(redirect.Settings{IPv6: true}, proxy(bound)) {
			logs := 0
			for j, table := range logging[i].Tables {
				for k, c := range table.Chains {
					var others []iptables.Rule
					for n, r := range c.Rules {
						target, is := r.Target.(iptables.NFLog)
						if !is {
							others = append(others, r)
							continue
						}
						logs++
						next := c.Rules[n+1]
						require.Equal(t, next.Comment, target.Prefix)
						require.Equal(t, iptables.Drop, next.Target)
						require.Equal(t, append(slices.Clone(next.Matches), iptables.Limit{PerSecond: redirect.DropsPerSecond}), r.Matches)
						require.False(t, slices.ContainsFunc(c.Rules[n:], func(later iptables.Rule) bool { return later.Target == iptables.Accept }), r.Comment)
						require.Less(t, len(target.Prefix), 64, "the kernel keeps no more of it")
						require.True(t, strings.HasPrefix(r.Comment, "ds-log-"))
					}
					require.Equal(t, plain.Tables[j].Chains[k].Rules, others)
				}
				require.Equal(t, plain.Tables[j].Sealed(), table.Sealed())
			}
			require.Equal(t, 9, logs)
		}
	}
}

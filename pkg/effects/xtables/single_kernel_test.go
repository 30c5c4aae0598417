//go:build kernel

package xtables_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

const rules = `*filter
:INPUT ACCEPT [0:0]
:OURS - [0:0]
-A INPUT -i lo -m comment --comment "two words" -j OURS
-A INPUT -i lo -j ACCEPT
-A INPUT -i lo -m comment --comment "two words" -j OURS
COMMIT
`

func TestSingleRulesAreRemovedAndNoOthers(t *testing.T) {
	for _, backend := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		for _, family := range []iptables.Family{iptables.V4, iptables.V6} {
			t.Run(string(backend)+" "+string(family), func(t *testing.T) {
				ns, err := netns.Scratch()
				require.NoError(t, err)
				defer ns.Close()
				_, err = xtables.Run(t.Context(), ns, "", rules, backend.Program(family, "restore"))
				require.NoError(t, err)
				held := func() iptables.SavedChain {
					text, err := xtables.Run(t.Context(), ns, "", "", backend.Program(family, "save"))
					require.NoError(t, err)
					saved, err := iptables.ParseSave(family, text)
					require.NoError(t, err)
					table, _ := saved.Table("filter")
					chain, _ := table.Chain("INPUT")
					return chain
				}
				jump := xtables.Place{Chain: "INPUT", Words: held().Rules[0].Words}
				single := xtables.Single{NS: ns, Backend: backend, Family: family, Wait: 10}
				require.NoError(t, single.Delete(t.Context(), "filter", jump))
				require.Len(t, held().Rules, 2, "each place is one rule")
				require.NoError(t, single.Delete(t.Context(), "filter", jump, jump), "a rule that is no longer there is no error")
				require.Len(t, held().Rules, 1)
				require.Equal(t, "-i lo -j ACCEPT", held().Rules[0].String())
				ended, cancel := context.WithCancel(t.Context())
				cancel()
				require.ErrorIs(t, single.Delete(ended, "filter", jump), context.Canceled)
			})
		}
	}
}

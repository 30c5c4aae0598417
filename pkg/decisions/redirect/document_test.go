package redirect_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/iptables"
)

func TestRulesMdIsUpToDate(t *testing.T) {
	written, err := os.ReadFile("../../../RULES.md")
	require.NoError(t, err)
	require.Equal(t, redirect.Document(), string(written),
		"RULES.md is older than the planner; write it anew: go generate ./pkg/decisions/redirect")
}

func TestDocument(t *testing.T) {
	text := redirect.Document()
	_, tables, _ := strings.Cut(text, "## Table filter")
	known := map[string]bool{}
	everyRuleset(t, func(t *testing.T, set iptables.Ruleset, _ bool) {
		t.Helper()
		each(set, func(_ string, r iptables.Rule) {
			known[r.Comment()] = true
			require.Equal(t, 1, strings.Count(tables, "| `"+r.Comment()+"`"), "%s has one row", r.Comment())
			require.Contains(t, text, r.Reason)
		})
	})
	t.Run("tells of no rule that does not exist", func(t *testing.T) {
		for _, id := range regexp.MustCompile("`(ds-[a-z-]+)`").FindAllStringSubmatch(text, -1) {
			require.True(t, known[id[1]], "%s is a rule", id[1])
		}
	})
	t.Run("has words for every match and verdict", func(t *testing.T) {
		for _, line := range strings.Split(tables, "\n") {
			require.NotRegexp(t, `(^|[ ,])-{1,2}[a-z]`, line)
		}
		require.NotContains(t, tables, "either mark, go on")
	})
	t.Run("says which rules depend on the family and on the setting", func(t *testing.T) {
		require.Contains(t, tables, "| `ds-out-proxy-tcp`<br>bound only |")
		require.Contains(t, tables, "| `ds-wire-neighbour-solicitation`<br>IPv6 only |")
		require.Contains(t, tables, "| `ds-out-loopback` |")
		require.Contains(t, tables, "from 127.0.0.0/8 (IPv6: from ::1/128)")
	})
}

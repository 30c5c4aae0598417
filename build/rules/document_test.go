package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/iptables"
)

func TestRulesMdIsUpToDate(t *testing.T) {
	written, err := os.ReadFile("../../RULES.md")
	require.NoError(t, err)
	require.Equal(t, document(), string(written),
		"RULES.md is older than the planner; write it anew: go generate ./build/rules")
}

func TestDocument(t *testing.T) {
	text := document()
	_, tables, _ := strings.Cut(text, "## Table filter")
	known := map[string]bool{}
	for _, v := range variants() {
		v.set.Edit(func(_, _ string, r iptables.Rule) iptables.Rule {
			known[r.Comment] = true
			require.Equal(t, 1, strings.Count(tables, "| `"+r.Comment+"`"), "%s has one row", r.Comment)
			require.Contains(t, text, r.Reason)
			return r
		})
	}
	t.Run("tells of no rule that does not exist", func(t *testing.T) {
		for _, id := range regexp.MustCompile("`(ds-[a-z-]+)`").FindAllStringSubmatch(text, -1) {
			require.True(t, known[id[1]], "%s is a rule", id[1])
		}
	})
	t.Run("names every cgroup and mark", func(t *testing.T) {
		require.NotContains(t, tables, "`0x")
		require.NotContains(t, tables, "`"+pod)
		require.NotContains(t, tables, "either mark, go on")
	})
	t.Run("says which rules depend on the family and on the setting", func(t *testing.T) {
		require.Contains(t, tables, "| `ds-out-proxy-tcp`<br>bound only |")
		require.Contains(t, tables, "| `ds-wire-neighbour-solicitation`<br>IPv6 only |")
		require.Contains(t, tables, "| `ds-out-loopback` |")
		require.Contains(t, tables, "from 127.0.0.0/8 (IPv6: from ::1/128)")
	})
}

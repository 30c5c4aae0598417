package admit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAGuestsNamespaceIsCalledAsNothingElseIs(t *testing.T) {
	strict, open := SpaceNames{Pattern: `.+-{guest}`}, SpaceNames{Pattern: ".+", ClusterDomain: "hosp-cluster.internal."}
	for _, c := range []struct {
		name                  string
		usual, strict, opened bool
	}{
		{"study-pharma", true, true, true}, // as Liqo calls it
		{"a-study-pharma", true, true, true},
		{"study-pharma.x", true, false, true}, // no name of a namespace; Kubernetes refuses it
		{"pharma-space", true, false, true},   // chosen by the guest
		{"prod-db", true, false, true},
		{"pharma", false, false, true},
		{"svc", false, false, false},
		{"pod", false, false, false},
		{"local", false, false, false},
		{"cluster", false, false, false},
		{"example", false, false, false},
		{"com", false, false, false},
		{"berlin", false, false, true}, // a top-level domain; the Hospital has opened the pattern
		{"xn--p1ai", false, false, false},
		{"xn--p1ai-pharma", false, false, false},
		{"hosp-cluster", true, false, false},
		{"in-addr", false, false, false},
		{"default", false, false, false},
		{"kube-x", false, false, false},
		{"kube-system", false, false, false},
		{"kube-x-pharma", false, false, false},
		{"openshift-monitoring", false, false, false},
		{"liqo", false, false, false},
		{"liqo-tenant-other", false, false, false},
		{"liqo-storage", false, false, false},
		{"liqo-demo-pharma", true, true, true}, // the namespace of Liqo's own quickstart
		{"data-spacer", false, false, false},
		{"gatekeeper-system", false, false, false},
		{"cert-manager", false, false, false},
		{"-", false, false, true},
	} {
		require.Equal(t, c.usual, Space(c.name, "pharma", SpaceNames{}) == nil, c.name)
		require.Equal(t, c.strict, Space(c.name, "pharma", strict) == nil, "%s, strict", c.name)
		require.Equal(t, c.opened, Space(c.name, "pharma", open) == nil, "%s, opened", c.name)
	}
	require.NotEmpty(t, Space("study-axb", "a.b", strict), "a guest's id is no expression")
}

func TestAPatternIsARegularExpression(t *testing.T) {
	text, err := ParseSpacePattern(`[a-z]+-{guest}`)
	require.NoError(t, err)
	require.Equal(t, `[a-z]+-{guest}`, text)
	_, err = ParseSpacePattern(`(`)
	require.ErrorContains(t, err, "is not a regular expression")
	_, err = ParseSpacePattern(`.+-{gast}`)
	require.ErrorContains(t, err, "the placeholder {gast}")
	_, err = ParseSpacePattern(`[a-z]{3,9}-{guest}`)
	require.NoError(t, err, "a repetition is no placeholder")
}

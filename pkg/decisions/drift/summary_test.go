package drift_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/drift"
)

func TestLongListsOfFindingsAreCut(t *testing.T) {
	findings := make([]drift.Finding, 7)
	for i := range findings {
		findings[i] = drift.Finding{Family: "ipv4", Kind: drift.Missing, Where: "filter", What: "x"}
	}
	require.True(t, strings.HasSuffix(drift.Summary(findings), "; and 2 more"))
	require.Equal(t, "ipv4 filter: missing x", drift.Summary(findings[:1]))
}

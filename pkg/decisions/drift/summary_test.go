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

func TestASummaryNamesTheCountersThatARepairStartsAgain(t *testing.T) {
	gone := drift.Finding{Family: "ipv4", Kind: drift.Missing, Where: "filter/OUTPUT", What: "rule -j DROP"}
	more := drift.Finding{Family: "ipv4", Kind: drift.Unexpected, Where: "filter/OUTPUT", What: "rule -j ACCEPT"}
	require.Equal(t, 1, drift.Restarted([]drift.Finding{gone, more}))
	require.Equal(t, "ipv4 filter/OUTPUT: missing rule -j DROP; counters that start again at zero: 1", drift.Summary([]drift.Finding{gone}))
	require.Equal(t, "ipv4 filter/OUTPUT: unexpected rule -j ACCEPT", drift.Summary([]drift.Finding{more}), "all rules keep theirs")
}

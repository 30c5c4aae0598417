package facts_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/fact"
)

// An agent starts after the clock was set back while none ran: that is a fact, and the log goes on.
func TestAClockThatIsBehindTheLogAtTheStartIsAFact(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "facts")
	c := config(folder)
	l, err := factlog.Open(folder, c.Options)
	require.NoError(t, err)
	now := time.Now()
	_, err = l.Append([]fact.Fact{
		{Time: now.Add(time.Hour), Kind: fact.AgentStarted},
		{Time: now.Add(-time.Hour), Kind: fact.AdmissionRefused, Details: map[string]string{fact.DetailRecord: "pharma"}}, // another program's, which waited
	})
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, want := range [][]fact.Kind{{fact.ClockStepped, fact.AgentStarted}, {fact.AgentStarted}} {
		from := len(recorded(t, folder))
		_, stop := run(t, c)
		stop()
		all := recorded(t, folder)[from:]
		require.Equal(t, want, kinds(all)[:len(want)])
		if want[0] == fact.ClockStepped {
			require.Contains(t, all[0].Details["seconds"], "-3")
			require.True(t, all[0].Warning)
		}
	}
	v, err := facts.Verify(folder, nil, nil, "")
	require.NoError(t, err)
	require.Empty(t, v.Flaws)
}

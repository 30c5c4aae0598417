package vouch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatAnAgentDoesWithItsLease(t *testing.T) {
	now := time.Unix(1000, 0)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, test := range map[string]struct {
		agent Agent
		want  Act
	}{
		"ready for the first time":          {Agent{}, Renew},
		"the second renewal comes soon":     {Agent{Renewals: 1, Renewed: ago(time.Second)}, Renew},
		"but not at once":                   {Agent{Renewals: 1, Renewed: ago(time.Millisecond)}, Wait},
		"renewed a moment ago":              {Agent{Renewals: 2, Renewed: ago(9 * time.Second)}, Wait},
		"renewed ten seconds ago":           {Agent{Renewals: 2, Renewed: ago(10 * time.Second)}, Renew},
		"not ready yet":                     {Agent{Problem: "p", Since: ago(time.Hour)}, Wait},
		"the gate is gone":                  {Agent{Problem: "p", Since: ago(time.Second), Renewals: 9, Renewed: ago(time.Hour)}, Wait},
		"the gate is gone for a moment":     {Agent{Problem: "p", Since: ago(moment), Renewals: 9}, Release},
		"released, and the gate still gone": {Agent{Problem: "p", Since: ago(time.Hour)}, Wait},
	} {
		require.Equal(t, test.want, Next(test.agent, now), name)
	}
}

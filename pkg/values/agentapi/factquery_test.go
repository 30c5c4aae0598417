package agentapi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
)

func TestQueriesOfTheRecordAreReadBackAsTheyWereAsked(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for _, q := range []agentapi.FactQuery{{}, {Since: at, Until: at, Guest: "g&x", Namespace: "n", Pod: "p", Kinds: []string{"A", "B"}, Last: 7, Follow: true}} {
		got, err := agentapi.ParseFactQuery(q.Values())
		require.NoError(t, err)
		require.Equal(t, q, got)
	}
	for _, q := range []agentapi.RequestQuery{{}, {Guest: "g", Pod: "n/p", Since: at, JSON: true, Probes: true, Follow: true}} {
		got, err := agentapi.ParseRequestQuery(q.Values())
		require.NoError(t, err)
		require.Equal(t, q, got)
	}
}

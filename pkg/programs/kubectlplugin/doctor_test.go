package kubectlplugin

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/doctor"
	"data-space.liqo.io/pkg/values/agentapi"
)

// observed is a cluster of which the API server shows more.
type observed struct {
	nodes
	seen doctor.Observations
}

func (o observed) Observe(context.Context) doctor.Observations { return o.seen }

func TestDoctorJoinsWhatTheAPIServerAndTheAgentsShow(t *testing.T) {
	sick := well()
	sick[agentapi.PolicyPath] = agentapi.PolicyStatus{InForce: true, Problems: []string{"br_netfilter is off\x1b[2J"}}
	cluster := observed{nodes{"sick": sick}, doctor.Observations{Nodes: []doctor.Node{
		{Name: "sick", HasAgent: true, Running: true, Offered: true}, {Name: "bare"},
	}}}
	found, err := Examine(t.Context(), cluster)
	require.NoError(t, err)
	require.Len(t, found, 2)
	var out bytes.Buffer
	require.NoError(t, PrintFindings(&out, found, Style{Form: FormTable}, time.Now()))
	require.Contains(t, out.String(), "problem: node sick: br_netfilter is off?[2J\n    cure: load br_netfilter")
	require.Contains(t, out.String(), "warning: node bare")
	require.NotContains(t, out.String(), "no problem")

	found, err = Examine(t.Context(), nodes{"well": well()})
	require.NoError(t, err)
	require.True(t, doctor.Healthy(found), found)
}

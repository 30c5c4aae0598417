package agent

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/endpoint"
)

func TestEndedConnectionsAreCountedAndAReportIsAnEvent(t *testing.T) {
	cluster := newFakeCluster()
	a := &Agent{reporter: cluster, metrics: NewMetrics()}
	pod := endpoint.Endpoint{Namespace: "ns", Name: "pod", UID: "uid"}
	a.connectionsEnded(pod, 3, "a report")
	a.connectionsEnded(pod, 4, "")
	require.Equal(t, []string{"Warning ProxyMemory on ns/pod"}, cluster.reported)
	families, err := a.metrics.Registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "data_space_agent_proxy_connections_ended_total" {
			require.Len(t, f.GetMetric(), 1)
			require.InDelta(t, 7, f.GetMetric()[0].GetCounter().GetValue(), 0)
			return
		}
	}
	t.Fatal("the metric is not registered")
}

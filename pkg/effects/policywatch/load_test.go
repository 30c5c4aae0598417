package policywatch_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/test/largecluster"
)

// The agent's limit must hold in the largest clusters that Kubernetes supports (5,000 nodes); what it peaks at must not be
// much more than what it holds.
func TestALargeClusterFitsIntoTheShippedLimits(t *testing.T) {
	const pods, perSecond = 100000, 100
	h := httptest.NewServer(largecluster.Cluster{Pods: pods, PerSecond: perSecond})
	defer h.Close()
	n := startNode(t, &rest.Config{Host: h.URL}, "streamed")
	ready := n.ask("ready")
	require.Equal(t, pods, int(ready.Pods))
	before := n.ask("state")
	time.Sleep(8 * time.Second)
	after := n.ask("state")
	n.end()
	h.CloseClientConnections()
	core := 100 * (after.CPU - before.CPU).Seconds() / after.At.Sub(before.At).Seconds()
	t.Logf("%d pods: ready after %d ms; %d MiB resident (%d of them not the program's file), at most %d; heap %d MiB; %d changes took %.1f %% of a core",
		pods, ready.ReadyMS, after.RSS, after.Anonymous, after.Peak, after.Heap>>20, after.Changes-before.Changes, core)
	require.LessOrEqual(t, after.RSS, 100)
	require.LessOrEqual(t, float64(after.Peak), 1.3*float64(after.RSS))
	require.Less(t, core, 10.0, "the bar is 3; this machine may be busy")
}

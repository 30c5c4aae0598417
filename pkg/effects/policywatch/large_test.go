//go:build api

package policywatch_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/largecluster"
)

// BenchmarkLargeCluster states what one node's watch of a large cluster costs, in a process of its own with the shipped
// GOMEMLIMIT: the time until it knows all pods, the memory then and at most, and the processor time that 100 changes a second
// of other nodes' pods cost. NETPOL_PODS is the number of pods.
func BenchmarkLargeCluster(b *testing.B) {
	count, err := strconv.Atoi(os.Getenv("NETPOL_PODS"))
	if err != nil {
		count = 5000
	}
	server, err := largecluster.Start(b.Context(), count)
	require.NoError(b, err)
	defer func() { require.NoError(b, server.Stop()) }()
	for _, way := range []string{"streamed", "paged"} {
		b.Run(way, func(b *testing.B) { measureNode(b, server, way) })
	}
}

func measureNode(b *testing.B, server *largecluster.Real, way string) {
	b.Helper()
	n := startNode(b, server.Config, way)
	ready := n.ask("ready")
	require.Equal(b, server.Pods, int(ready.Pods))
	b.ReportMetric(float64(ready.ReadyMS), "ready-ms")
	time.Sleep(5 * time.Second)
	before := n.ask("state")
	require.NoError(b, server.Churn(b.Context(), 100, 20*time.Second))
	after := n.ask("state")
	n.end()
	b.ReportMetric(float64(before.RSS), "rss-MiB")
	b.ReportMetric(float64(after.Peak), "peak-MiB")
	b.ReportMetric(float64(after.Anonymous), "anonymous-MiB")
	b.ReportMetric(float64(after.Heap)/(1<<20), "heap-MiB")
	b.ReportMetric(100*(after.CPU-before.CPU).Seconds()/(after.At.Sub(before.At)).Seconds(), "core-percent-at-100/s")
	b.ReportMetric(float64(after.Changes-before.Changes), "changes")
	b.ReportMetric(0, "ns/op")
}

package agentcli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
)

func TestTheTableForPeople(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	verified := now.Add(-7 * time.Second)
	var out strings.Builder
	require.NoError(t, printNodeStatus(&out, agentapi.NodeStatus{
		Node: "node-1", Backend: "nft", BackendSign: "the kubelet's chain is there", Runtime: "containerd 2", Socket: "/run/c.sock",
		Problems: []string{"API server: connection refused"},
		Endpoints: []agentapi.EndpointStatus{
			{
				Namespace: "pharma", Name: "job", State: agentapi.Enforced, Netns: 42, Backend: "nft", Hash: "0123456789abcdef0123", LastVerified: &verified,
				Rules: map[string]map[string]int{"ipv6": {"nat": 6, "filter": 18}, "ipv4": {"filter": 14}},
				Proxy: &agentapi.ProxyStatus{Container: "fedcba9876543210", Cgroup: "/kubepods/x"},
			},
			{
				Namespace: "pharma", Name: "odd", State: agentapi.Failed, Reason: "Drift", Message: "repaired soon",
				Drift: []agentapi.Difference{{Family: "ipv4", Kind: "missing", Where: "nat/OUTPUT", What: "rule"}},
			},
		},
	}, false, now))
	lines := strings.Split(out.String(), "\n")
	require.Equal(t, "node node-1 (not ready): iptables-nft (the kubelet's chain is there), containerd 2 at /run/c.sock", lines[0])
	require.Equal(t, "problem: API server: connection refused", lines[1])
	require.Equal(t, strings.Fields(`pharma/job Enforced 38 0 0 7s ago fedcba987654`),
		strings.Fields(lines[3]))
	require.Equal(t, strings.Fields("pharma/odd Failed (Drift) 0 1 0 never -"), strings.Fields(lines[4]))
	require.Equal(t, "pharma/odd: repaired soon", lines[5])
	require.Equal(t, "pharma/odd: drift: ipv4 nat/OUTPUT: missing rule", lines[6])
}

func TestTheTableShowsABoundedNumberOfDifferences(t *testing.T) {
	var out strings.Builder
	require.NoError(t, printNodeStatus(&out, agentapi.NodeStatus{Endpoints: []agentapi.EndpointStatus{{
		Namespace: "pharma", Name: "odd", Drift: make([]agentapi.Difference, shownDrifts+3),
	}}}, false, time.Now()))
	require.Equal(t, shownDrifts, strings.Count(out.String(), "drift: "))
	require.Contains(t, out.String(), `pharma/odd: 3 more differences; "agent status -o json" lists them`)
}

func TestATableFitsAHundredAndTwentyColumnsAndTheWideOneShortensNothing(t *testing.T) {
	now, long := time.Now(), strings.Repeat("long", 40)
	verified := now.Add(-100 * time.Hour)
	status := agentapi.NodeStatus{Endpoints: []agentapi.EndpointStatus{{
		Namespace: long, Name: long, State: agentapi.Quarantined, Reason: "SharedProcesses", DriftRepaired: 123456, LastVerified: &verified,
		Rules: map[string]map[string]int{"ipv4": {"filter": 14000}}, Drift: make([]agentapi.Difference, shownDrifts),
		Proxy: &agentapi.ProxyStatus{Container: long, Cgroup: "/kubepods/" + long},
	}}}
	var narrow, wide strings.Builder
	require.NoError(t, printNodeStatus(&narrow, status, false, now))
	table, _, _ := strings.Cut(narrow.String(), "drift:")
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, long) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimRight(line, "\n")), 120, line)
		}
	}
	require.NoError(t, printNodeStatus(&wide, status, true, now))
	require.Contains(t, wide.String(), "/kubepods/"+long)
	require.NotContains(t, narrow.String(), "/kubepods/")
}

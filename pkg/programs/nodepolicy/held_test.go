package nodepolicy

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// A user who may write NetworkPolicies chooses how many rules a policy has.
func TestLongPoliciesTakeLittleMemoryInWhatWasRecorded(t *testing.T) {
	const policies = 20
	lines := append([]string{"selects pods all"}, strings.Split(strings.Repeat("egress: to pods app=db, ports tcp/80|", 20_000), "|")...)
	policy, err := netpolicy.ParseLines(netpolicy.Key{}, lines[:20_001])
	require.NoError(t, err)
	text := len(strings.Join(policy.Lines(), " | "))
	require.Greater(t, text, 500_000)
	k := newKnown("node")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range policies {
		policy.Key = netpolicy.Key{Namespace: "space", Name: fmt.Sprint(i)}
		require.Len(t, k.take(netpol.PolicySeen{Policy: policy}), 1)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Len(t, k.policies, policies)
	require.Less(t, after.HeapAlloc, before.HeapAlloc+uint64(policies*text/5))
	runtime.KeepAlive(policy)
	require.Len(t, k.found(), policies)
	require.Empty(t, k.waiting, "only the hash of each policy remains")
	policy.Name = "later"
	require.Len(t, k.take(netpol.PolicySeen{Policy: policy}), 1)
	require.Empty(t, k.waiting)
}

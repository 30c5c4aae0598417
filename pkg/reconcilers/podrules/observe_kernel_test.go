//go:build kernel

package podrules

import (
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/endpoint"
)

// emptyPod returns a network namespace without rules, and a store without pods.
func emptyPod(t *testing.T) (*ledger.Ledger, ns.NetNS) {
	t.Helper()
	memory, err := ledger.Open(t.TempDir())
	require.NoError(t, err)
	made, err := testutils.NewNS()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, made.Close())
		require.NoError(t, testutils.UnmountNS(made))
	})
	return memory, made
}

// A pod whose proxy does not start (its image is missing) holds the three chains of its start until a verification writes the whole plan.
func TestAPodWhoseProxyDoesNotStartIsNotReportedAsDrifted(t *testing.T) {
	memory, made := emptyPod(t)
	address := netip.MustParseAddr("203.0.113.7")
	in := func(command string, args ...string) {
		t.Helper()
		require.NoError(t, made.Do(func(ns.NetNS) error { return exec.Command(command, args...).Run() }))
	}
	in("ip", "addr", "add", address.String()+"/32", "dev", "lo")
	e := New(redirect.Settings{IPv6: true}, Parts{Dataplane: dataplane.New(xtables.NFT), Store: memory})
	e.memory.hold("box", time.Now().Add(time.Hour)) // its start has just been held
	target := endpoint.Target{Sandbox: "box", Netns: made.Path(), Endpoint: endpoint.Endpoint{
		Namespace: "pharma", Name: "job", UID: "uid", IPs: []netip.Addr{address},
	}}
	drift := func() int {
		t.Helper()
		out, err := e.Observe(t.Context(), target)
		require.NoError(t, err)
		return len(out.State.Drift)
	}
	_, err := e.Update(t.Context(), target)
	require.NoError(t, err)
	require.Zero(t, drift())

	e.memory.hold("box", time.Now().Add(-2*newbornFor)) // its start is long ago
	require.Zero(t, drift(), "the kernel holds what was written")

	out, err := e.Update(t.Context(), target) // the next verification
	require.NoError(t, err)
	require.True(t, out.State.Wrote)
	require.Empty(t, out.Repaired)
	require.Zero(t, drift())
	e.memory.hold("box", time.Now().Add(time.Hour))
	require.Zero(t, drift(), "the whole plan is not less than three chains")

	in("iptables-nft", "-P", "OUTPUT", "ACCEPT")
	require.NotZero(t, drift(), "what somebody else has changed is reported")
}

package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/utils/ptr"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func TestAStatusHasWhatEachNodesAgentLastReported(t *testing.T) {
	r := newGuestReports()
	require.ElementsMatch(t, []string{"pharma", "rival"}, r.set("b", "pharma=1/2@1700000000,rival=1/1@0"))
	require.Equal(t, []string{"pharma"}, r.set("a", "pharma=3/3@0"))
	require.Empty(t, r.set("a", "pharma=3/3@0"), "an ordinary renewal changes nothing")
	require.Equal(t, []string{"rival"}, r.set("b", "pharma=1/2@1700000000,rival=0/1@0"))

	status := v1alpha1.GuestPolicyStatus{}
	r.status("pharma", &status)
	require.EqualValues(t, 5, *status.Pods)
	require.EqualValues(t, 4, *status.HeldPods)
	require.Len(t, status.Nodes, 2)
	require.Equal(t, v1alpha1.GuestNode{Name: "a", Pods: 3, HeldPods: 3}, status.Nodes[0])
	require.EqualValues(t, 1_700_000_000, status.Nodes[1].LastEnforced.Unix())

	require.ElementsMatch(t, []string{"pharma", "rival"}, r.set("b", ""), "its Lease is gone")
	require.Equal(t, []string{"pharma"}, r.set("a", ""))
	require.Empty(t, r.all)
	require.Empty(t, r.texts)
	r.status("pharma", &status)
	require.Empty(t, status.Nodes)
	require.Zero(t, *status.Pods)
}

func TestAgentsNumbersAreWrittenSeldomAndAllElseAtOnce(t *testing.T) {
	r, now := newGuestReports(), time.Unix(1_700_000_000, 0)
	of := func(pods int32, namespaces ...string) v1alpha1.GuestPolicyStatus {
		return v1alpha1.GuestPolicyStatus{Pods: ptr.To(pods), Namespaces: namespaces}
	}
	require.Zero(t, r.wait("pharma", of(1), of(2), now))
	require.Equal(t, 7*time.Second, r.wait("pharma", of(2), of(3), now.Add(3*time.Second)))
	require.Zero(t, r.wait("pharma", of(2), of(3, "study"), now.Add(4*time.Second)), "a namespace is shown at once")
	require.Zero(t, r.wait("rival", of(2), of(3), now.Add(4*time.Second)))
	require.Zero(t, r.wait("pharma", of(3), of(4), now.Add(14*time.Second)))
	r.forget("pharma")
	r.forget("rival")
	require.Empty(t, r.wrote)
}

//go:build api

package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// A guest with many namespaces: each follows a change of its GuestPolicy. The log has how long the last one took.
func TestAHundredNamespacesFollowAChange(t *testing.T) {
	const spaces = 100
	w := newWorld(t)
	w.start(t)
	its := map[string]bool{} // other tests leave NetworkPolicies of theirs
	for range spaces {
		its[w.namespace(t, foreign(apis.LabelRemoteCluster, "manifold"))] = true
	}
	marked := func() int {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
		require.NoError(t, w.client.List(t.Context(), list, client.MatchingLabels{apis.LabelRemoteCluster: "manifold", apis.LabelSuspended: "true"}))
		return len(list.Items)
	}
	having := func(name string) int {
		list := &networkingv1.NetworkPolicyList{}
		require.NoError(t, w.client.List(t.Context(), list))
		count := 0
		for i := range list.Items {
			if its[list.Items[i].Namespace] && list.Items[i].Name == name {
				count++
			}
		}
		return count
	}
	opened := func() int { return having(apis.GuestNetworkPolicyName) }
	require.Eventually(t, func() bool { return having(apis.NetworkPolicyName) == spaces }, 3*waitLong, waitStep, "each has its NetworkPolicy")
	follows := func(what string, spec v1alpha1.GuestPolicySpec, count func() int, want int) {
		w.decide(t, "manifold", spec)
		began := time.Now()
		for time.Since(began) < 3*waitLong && count() != want {
			time.Sleep(10 * time.Millisecond)
		}
		require.Equal(t, want, count(), what)
		t.Logf("%s: %d namespaces in %s", what, spaces, time.Since(began).Round(time.Millisecond))
	}
	opens := toNetworks("203.0.113.0/24")
	follows("network", opens, opened, spaces)
	opens.State = v1alpha1.Suspended
	follows("suspended", opens, marked, spaces)
	opens.State = v1alpha1.Active
	follows("active", opens, marked, 0)
	follows("network taken back", v1alpha1.GuestPolicySpec{}, opened, 0)
}

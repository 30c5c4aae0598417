//go:build api

package controller

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/programs/taintreport"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// A ProtectedTaint that is created later reports the pods that run already, and follows what becomes of them.
func TestPodsThatViolateALaterProtectedTaintAreReported(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ordinary, guest := w.namespace(t, nil), w.namespace(t, map[string]string{apis.LabelRemoteCluster: "pharma-report"})
	key := "report.example/" + ordinary
	tolerating := func(ns, name, value string) {
		spec := podOf()
		spec.Tolerations = []corev1.Toleration{{Key: key, Operator: corev1.TolerationOpEqual, Value: value}}
		require.NoError(t, w.client.Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: spec}))
	}
	tolerating(ordinary, "old", "study")
	tolerating(ordinary, "other", "other")
	tolerating(guest, "guests", "study")
	ended := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ordinary, Name: "ended"}, Spec: podOf()}
	ended.Spec.Tolerations = []corev1.Toleration{{Key: key, Value: "study"}}
	require.NoError(t, w.client.Create(t.Context(), ended))
	ended.Status.Phase = corev1.PodSucceeded
	require.NoError(t, w.client.Status().Update(t.Context(), ended))
	old := &corev1.Pod{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: ordinary, Name: "old"}, old))
	later := func() bool { return metav1.Now().Unix() > old.CreationTimestamp.Unix() }
	eventually(t, "the API server's clock, which has seconds, shows that the ProtectedTaint is younger", later)

	taint := &v1alpha1.ProtectedTaint{ObjectMeta: metav1.ObjectMeta{Name: "report-" + ordinary}, Spec: v1alpha1.ProtectedTaintSpec{Taint: v1alpha1.Taint{Key: v1alpha1.LabelKey(key), Value: "study"}}}
	require.NoError(t, w.client.Create(t.Context(), taint))
	t.Cleanup(func() { _ = w.client.Delete(context.Background(), taint) })
	status := func(violations int32, respected metav1.ConditionStatus, named ...string) func() bool {
		return func() bool {
			now := &v1alpha1.ProtectedTaint{}
			require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(taint), now))
			condition := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionRespected)
			if condition == nil || condition.Status != respected || now.Status.ObservedGeneration != now.Generation {
				return false
			}
			for _, name := range named {
				if !strings.Contains(condition.Message, name) {
					return false
				}
			}
			return ptr.Deref(now.Status.Violations, -1) == violations
		}
	}
	eventually(t, "two pods are reported", status(2, metav1.ConditionFalse, ordinary+"/old", guest+"/guests"))
	notes := func() (n int) {
		list := &eventsv1.EventList{}
		require.NoError(t, w.client.List(t.Context(), list, client.InNamespace(metav1.NamespaceDefault)))
		for _, e := range list.Items {
			if e.Reason == taintreport.ReasonViolated && e.Regarding.Name == taint.Name {
				n++
			}
		}
		return n
	}
	eventually(t, "an Event says it", func() bool { return notes() == 1 })

	t.Log("The guest is granted the taint, which asks for a look.")
	policy := &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: "pharma-report"}, Spec: v1alpha1.GuestPolicySpec{
		Scheduling: &v1alpha1.Scheduling{Taints: []v1alpha1.TolerableTaint{{Key: v1alpha1.LabelKey(key), Value: ptr.To("study")}}},
	}}
	require.NoError(t, w.client.Create(t.Context(), policy))
	t.Cleanup(func() { _ = w.client.Delete(context.Background(), policy) })
	eventually(t, "one is left", status(1, metav1.ConditionFalse, ordinary+"/old"))

	t.Log("The pod goes.")
	require.NoError(t, w.client.Delete(t.Context(), old, client.GracePeriodSeconds(0)))
	before := client.MergeFrom(policy.DeepCopy())
	policy.Spec.Scheduling.Taints = append(policy.Spec.Scheduling.Taints, v1alpha1.TolerableTaint{Key: "report.example/other"})
	require.NoError(t, w.client.Patch(t.Context(), policy, before), "the next look is a minute away, or asked for")
	eventually(t, "none is left", status(0, metav1.ConditionTrue))
	require.Equal(t, 1, notes(), "once")
}

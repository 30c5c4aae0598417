//go:build api

package controller

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

func (w *world) space(t *testing.T, name string) *corev1.Namespace {
	t.Helper()
	ns := &corev1.Namespace{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: name}, ns))
	return ns
}

// decide stores a GuestPolicy with this spec.
func (w *world) decide(t *testing.T, name string, spec v1alpha1.GuestPolicySpec) {
	t.Helper()
	fresh := &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	err := w.client.Create(t.Context(), fresh)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, w.client.Delete(context.Background(), fresh)) })
		return
	}
	require.True(t, apierrors.IsAlreadyExists(err), "%v", err)
	eventually(t, "the policy is written, whatever the controller writes into its status", func() bool {
		policy := &v1alpha1.GuestPolicy{}
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: name}, policy))
		policy.Spec = spec
		return w.client.Update(t.Context(), policy) == nil
	})
}

func TestTheNamespacesOfAGuestBearWhatItsPolicySays(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	labels := foreign(apis.LabelRemoteCluster, "suspicious")
	one, two := w.namespace(t, labels), w.namespace(t, labels)
	tenant := w.namespace(t, foreign(apis.LabelRemoteCluster, "suspicious", apis.LabelTenantNamespace, "true"))
	other := w.namespace(t, foreign(apis.LabelRemoteCluster, "other"))
	likeDefault, nameless := w.namespace(t, foreign(apis.LabelRemoteCluster, "default")), w.namespace(t, foreign(apis.LabelRemoteCluster, ""))
	suspended := func(name string) bool { return w.space(t, name).Labels[apis.LabelSuspended] == "true" }
	condition := func() *metav1.Condition {
		policy := &v1alpha1.GuestPolicy{}
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: "suspicious"}, policy))
		c := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionSuspended)
		if c == nil || c.ObservedGeneration != policy.Generation {
			return &metav1.Condition{}
		}
		return c
	}

	w.decide(t, "suspicious", v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended, Workload: &v1alpha1.Workload{ServiceTypes: []v1alpha1.ServiceType{"NodePort"}}})
	eventually(t, "both are marked", func() bool { return suspended(one) && suspended(two) })
	require.Equal(t, "NodePort", w.space(t, one).Annotations[apis.AnnotationServiceTypes])
	require.False(t, suspended(tenant), "Liqo's own")
	require.False(t, suspended(other))
	eventually(t, "the condition says so", func() bool { return condition().Status == metav1.ConditionTrue })
	eventually(t, "and an Event", func() bool { return w.event(t, one, controller.ReasonSuspended) != nil })

	w.label(t, one, apis.LabelSuspended, "")
	eventually(t, "a mark that somebody takes away is back", func() bool { return suspended(one) })
	late := w.namespace(t, labels)
	eventually(t, "a namespace that comes later is marked", func() bool { return suspended(late) })

	w.decide(t, "suspicious", v1alpha1.GuestPolicySpec{State: v1alpha1.Active})
	eventually(t, "active again", func() bool { return !suspended(one) && !suspended(two) && !suspended(late) })
	eventually(t, "which the condition says", func() bool { return condition().Status == metav1.ConditionFalse })
	eventually(t, "and an Event", func() bool { return w.event(t, one, controller.ReasonResumed) != nil })
	require.Empty(t, w.space(t, one).Annotations[apis.AnnotationServiceTypes])

	w.decide(t, v1alpha1.DefaultGuestPolicy, v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended})
	eventually(t, "default holds for whoever has no state of its own", func() bool { return suspended(other) })
	eventually(t, "also for guests that can have no policy of their own", func() bool { return suspended(likeDefault) && suspended(nameless) })
	require.False(t, suspended(one))
	w.decide(t, v1alpha1.DefaultGuestPolicy, v1alpha1.GuestPolicySpec{State: v1alpha1.Active})
	eventually(t, "and back", func() bool { return !suspended(other) && !suspended(likeDefault) && !suspended(nameless) })
}

func TestOfANamespaceTheControllerWritesItsMarksOnly(t *testing.T) {
	w := newWorld(t)
	ns := w.namespace(t, foreign())
	config, err := clientcmd.BuildConfigFromFlags("", w.kubeconfig(t))
	require.NoError(t, err)
	own, err := client.New(config, client.Options{})
	require.NoError(t, err)
	patch := func(text string) error {
		return own.Patch(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, client.RawPatch(types.MergePatchType, []byte(text)))
	}
	eventually(t, "the policy is in force", func() bool { return patch(`{"metadata":{"labels":{"x":"y"}}}`) != nil })
	for _, text := range []string{
		`{"metadata":{"labels":{"data-space/apply-webhook":"false"}}}`, `{"metadata":{"annotations":{"a":"b"}}}`, `{"metadata":{"finalizers":["a.example/b"]}}`,
	} {
		require.ErrorContains(t, patch(text), "of a Namespace the controller writes the label", text)
	}
	require.NoError(t, patch(`{"metadata":{"labels":{"data-space.liqo.io/suspended":"true"},"annotations":{"data-space.liqo.io/service-types":"NodePort"}}}`))
	require.NoError(t, patch(`{"metadata":{"labels":{"data-space.liqo.io/suspended":null},"annotations":{"data-space.liqo.io/service-types":null}}}`))
}

func TestTheStatusOfAGuestPolicyHasWhatAgentsReport(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	space := w.namespace(t, foreign(apis.LabelRemoteCluster, "counted"))
	w.decide(t, "counted", v1alpha1.GuestPolicySpec{})
	lease := &coordinationv1.Lease{}
	require.NoError(t, nodelease.Write(lease, nodelease.State{Node: "counting-1", Holder: "agent", Boot: "b", Renewed: time.Now(), Guests: nodelease.EncodeGuests(
		[]nodelease.GuestPods{{Guest: "counted", Pods: 3, Held: 2, Written: time.Now()}, {Guest: "other", Pods: 1}})}))
	require.NoError(t, w.client.Create(t.Context(), lease))
	t.Cleanup(func() { require.NoError(t, client.IgnoreNotFound(w.client.Delete(context.Background(), lease))) })
	status := func() v1alpha1.GuestPolicyStatus {
		policy := &v1alpha1.GuestPolicy{}
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: "counted"}, policy))
		return policy.Status
	}
	eventually(t, "the report is in the status, with the namespace", func() bool {
		s := status()
		return len(s.Nodes) == 1 && s.Nodes[0].Name == "counting-1" && *s.Pods == 3 && *s.HeldPods == 2 && slices.Equal(s.Namespaces, []string{space})
	})
	require.NotNil(t, status().Nodes[0].LastEnforced)
	require.NoError(t, w.client.Delete(t.Context(), lease))
	eventually(t, "and goes with the node's Lease", func() bool { return len(status().Nodes) == 0 && *status().Pods == 0 })
}

func TestAGuestPolicyThatShowsAKindWhichIsNotServedSaysSo(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	show := func(group, resource string) v1alpha1.GuestPolicySpec {
		return v1alpha1.GuestPolicySpec{Visibility: &v1alpha1.Visibility{Resources: []v1alpha1.VisibleResource{{
			Group: group, Resource: resource, Objects: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"a"}}},
		}}}}
	}
	accepted := func(status metav1.ConditionStatus, message string) func() bool {
		return func() bool {
			policy := &v1alpha1.GuestPolicy{}
			require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: "onlooker"}, policy))
			c := meta.FindStatusCondition(policy.Status.Conditions, v1alpha1.ConditionAccepted)
			return c != nil && c.ObservedGeneration == policy.Generation && c.Status == status && strings.Contains(c.Message, message)
		}
	}
	w.decide(t, "onlooker", show("storage.k8s.io", "csidrivers"))
	eventually(t, "a kind of the cluster's is shown", accepted(metav1.ConditionTrue, "in force"))
	w.decide(t, "onlooker", show("", "pods"))
	eventually(t, "one in namespaces is not", accepted(metav1.ConditionFalse, "spec.visibility.resources[0]: objects of pods are in namespaces"))
	w.decide(t, "onlooker", show("", "csidrivers"))
	eventually(t, "nor one of another group", accepted(metav1.ConditionFalse, "the API server does not serve csidrivers; correct group and resource"))
}

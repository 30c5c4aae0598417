//go:build api

package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
)

const agent = "system:serviceaccount:" + apis.SystemNamespace + ":data-space-agent"

// event is one about the pod "app", as the older API has it.
func event(namespace, name, component string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: name},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: "app"},
		Reason:         "RulesApplied", Message: "all is well", Type: "Normal", Source: corev1.EventSource{Component: component, Host: "node1"},
	}
}

// newEvent is one in the newer API.
func newEvent(namespace, name, controller, instance string) *eventsv1.Event {
	return &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, EventTime: metav1.NowMicro(),
		Regarding: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: "app"},
		Reason:    "RulesApplied", Action: "Enforce", Note: "all is well", Type: "Normal", ReportingController: controller, ReportingInstance: instance,
	}
}

// reporters grants those who report, and the guest in the newer API as well, what they need to write Events.
func (w *world) reporters(t *testing.T, namespace string) {
	t.Helper()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "events"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	}
	for _, user := range []string{agent, admit.Keeper, admit.Cleaners()[1], "system:node:node1"} {
		binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user})
	}
	binding.Subjects = append(binding.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "events-too"})
	w.create(t, binding)
}

// reports: what the guard says about a guest's pods is not the guest's to change, to delete or to invent.
func reports(t *testing.T, w *world) {
	t.Helper()
	namespace := w.guestSpace(t)
	w.reporters(t, namespace)
	tenant, wide := w.tenant(t), w.as(t, guestUser, guest, "events-too")
	kept, kubelets := event(namespace, "kept", "data-space-agent"), event(namespace, "killed", "kubelet")
	require.NoError(t, w.as(t, agent).Create(t.Context(), kept))
	require.NoError(t, w.as(t, admit.Keeper).Create(t.Context(), newEvent(namespace, "kept-too", "data-space-controller", "data-space-controller-1")))
	require.NoError(t, w.as(t, "system:node:node1", "system:nodes").Create(t.Context(), kubelets))
	ofNode := reporting(event(namespace, "pulled", "kubelet"), "kubelet", "data-spacer-worker")
	require.NoError(t, w.as(t, "system:node:node1", "system:nodes").Create(t.Context(), ofNode), "a node may be called like us")

	patch := client.RawPatch(types.MergePatchType, []byte(`{"message":"forged"}`))
	disowned := client.RawPatch(types.MergePatchType, []byte(`{"source":{"component":"mine"},"reportingComponent":"mine","reportingInstance":"mine"}`))
	for what, act := range map[string]func(client.Client, *corev1.Event) error{
		"update": func(c client.Client, e *corev1.Event) error { return c.Update(t.Context(), e) },
		"patch":  func(c client.Client, e *corev1.Event) error { return c.Patch(t.Context(), e, patch) },
		"disown": func(c client.Client, e *corev1.Event) error { return c.Patch(t.Context(), e, disowned) },
		"delete": func(c client.Client, e *corev1.Event) error { return c.Delete(t.Context(), e) },
	} {
		for _, e := range []*corev1.Event{kept, kubelets} {
			require.ErrorContains(t, act(tenant, e.DeepCopy()), "data-space-events", "%s %s", what, e.Name)
		}
		require.ErrorContains(t, act(w.as(t, "jane", "events-too"), kept.DeepCopy()), "Data Spacer alone writes", "%s: not by anyone", what)
	}
	require.ErrorContains(t, wide.DeleteAllOf(t.Context(), &corev1.Event{}, client.InNamespace(namespace)), "data-space-events")
	require.ErrorContains(t, wide.DeleteAllOf(t.Context(), &eventsv1.Event{}, client.InNamespace(namespace)), "data-space-events")
	require.ErrorContains(t, wide.Delete(t.Context(), newEvent(namespace, "kept", "", "")), "data-space-events", "by the newer API")

	for _, forged := range []client.Object{
		event(namespace, "a", "data-space-agent"), event(namespace, "a", "Data-Space-Agent"), event(namespace, "a", "x/data-space-agent"),
		event(namespace, "a", "kubelet"), event(namespace, "a", "default-scheduler"), event(namespace, "a", "job-controller"),
		event(namespace, "a", "dаta-space-agent"), // a Cyrillic letter
		event(namespace, "a", "data\u00adspace-agent"),
		reporting(event(namespace, "a", "mine"), "data-space-agent", "node1"), reporting(event(namespace, "a", "mine"), "mine", "data-space-agent-1"),
		reporting(event(namespace, "a", ""), "kubelet", "node1"),
		newEvent(namespace, "a", "data-space-agent", "node1"), newEvent(namespace, "a", "mine.example/x", "data-space-agent-1"),
		newEvent(namespace, "a", "kubelet", "node1"),
	} {
		require.ErrorContains(t, wide.Create(t.Context(), forged), "data-space-events", "%+v", forged)
	}
	ownEvents(t, w, namespace, tenant)
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(kept), kept), "it is there")
	require.Equal(t, "all is well", kept.Message)
	require.NoError(t, w.as(t, agent).Patch(t.Context(), kept, client.RawPatch(types.MergePatchType, []byte(`{"count":2}`))), "one that comes again is counted")
	require.NoError(t, w.as(t, admit.Cleaners()[1]).DeleteAllOf(t.Context(), &corev1.Event{}, client.InNamespace(namespace)), "a namespace can go")
}

func reporting(e *corev1.Event, controller, instance string) *corev1.Event {
	e.ReportingController, e.ReportingInstance = controller, instance
	return e
}

// ownEvents: the guest's own stay its own, and elsewhere nothing is different.
func ownEvents(t *testing.T, w *world, namespace string, tenant client.Client) {
	t.Helper()
	for _, own := range []*corev1.Event{event(namespace, "mine", "pharma-operator"), reporting(event(namespace, "mine", ""), "pharma.example/app", "app-1")} {
		require.NoError(t, tenant.Create(t.Context(), own))
		own.Count = 2
		require.NoError(t, tenant.Update(t.Context(), own))
		require.NoError(t, tenant.Delete(t.Context(), own))
	}
	elsewhere := w.namespace(t, nil)
	w.reporters(t, elsewhere)
	forged := event(elsewhere, "a", "data-space-agent")
	jane := w.as(t, "jane", "events-too")
	require.NoError(t, jane.Create(t.Context(), forged))
	require.NoError(t, jane.Delete(t.Context(), forged))
}

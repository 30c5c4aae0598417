//go:build api

package controller

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

func foreign(more ...string) map[string]string {
	labels := map[string]string{apis.LabelRemoteCluster: "pharma"}
	for i := 0; i < len(more); i += 2 {
		labels[more[i]] = more[i+1]
	}
	return labels
}

// namespace makes a namespace; there is no garbage collector here, and no need for one.
func (w *world) namespace(t *testing.T, labels map[string]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: labels}}
	require.NoError(t, w.client.Create(t.Context(), ns))
	// The controllers of later tests have nothing to do with it.
	t.Cleanup(func() { require.NoError(t, w.client.Delete(context.Background(), ns)) })
	return ns.Name
}

// label sets a namespace's label, or takes it away when value is empty.
func (w *world) label(t *testing.T, namespace, key, value string) {
	t.Helper()
	ns := &corev1.Namespace{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: namespace}, ns))
	before := client.MergeFrom(ns.DeepCopy())
	ns.Labels[key] = value
	if value == "" {
		delete(ns.Labels, key)
	}
	require.NoError(t, w.client.Patch(t.Context(), ns, before))
}

// configMap returns the namespace's, or nil.
func (w *world) configMap(t *testing.T, namespace string) *corev1.ConfigMap {
	t.Helper()
	return find(t, w, namespace, apis.EnvoyConfigMapName, &corev1.ConfigMap{})
}

// networkPolicy returns the namespace's, or nil.
func (w *world) networkPolicy(t *testing.T, namespace string) *networkingv1.NetworkPolicy {
	t.Helper()
	return find(t, w, namespace, apis.NetworkPolicyName, &networkingv1.NetworkPolicy{})
}

func find[T client.Object](t *testing.T, w *world, namespace, name string, into T) T {
	t.Helper()
	var none T
	err := w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, into)
	if apierrors.IsNotFound(err) {
		return none
	}
	require.NoError(t, err)
	return into
}

func (w *world) eventuallyGuarded(t *testing.T, namespace string) {
	t.Helper()
	eventually(t, "both objects are there", func() bool {
		return w.configMap(t, namespace) != nil && w.networkPolicy(t, namespace) != nil
	})
}

func (w *world) eventuallyBare(t *testing.T, namespace string) {
	t.Helper()
	eventually(t, "neither object is there", func() bool {
		return w.configMap(t, namespace) == nil && w.networkPolicy(t, namespace) == nil
	})
}

// event returns the notes of the Events with a reason about a namespace.
func (w *world) event(t *testing.T, namespace, reason string) []string {
	t.Helper()
	list := &eventsv1.EventList{}
	require.NoError(t, w.client.List(t.Context(), list, client.InNamespace("default")))
	var notes []string
	for _, e := range list.Items {
		if e.Regarding.Kind == "Namespace" && e.Regarding.Name == namespace && e.Reason == reason {
			notes = append(notes, e.Note)
		}
	}
	return notes
}

func (w *world) eventuallyEvent(t *testing.T, namespace, reason string) string {
	t.Helper()
	var notes []string
	eventually(t, "an Event "+reason, func() bool {
		notes = w.event(t, namespace, reason)
		return len(notes) > 0
	})
	return notes[len(notes)-1]
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, waitLong, waitStep, what)
}

//go:build api

package controller

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// liqoKind is a kind of Liqo's, as far as it matters here.
func liqoKind(group, plural, kind string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + "." + group},
		"spec": map[string]any{
			"group": group, "scope": "Namespaced",
			"names": map[string]any{"plural": plural, "singular": strings.ToLower(kind), "kind": kind, "listKind": kind + "List"},
			"versions": []any{map[string]any{"name": "v1beta1", "served": true, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true},
			}}},
		},
	}}
}

// define defines a kind of Liqo's until the test ends; the tests after it run without the kind.
func (w *world) define(t *testing.T, group, plural, kind string) {
	t.Helper()
	defined := liqoKind(group, plural, kind)
	require.NoError(t, w.client.Create(t.Context(), defined))
	t.Cleanup(func() {
		require.NoError(t, w.client.Delete(context.Background(), defined))
		require.Eventually(t, func() bool {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1beta1", Kind: kind + "List"})
			err := w.client.List(context.Background(), list)
			return meta.IsNoMatchError(err) || apierrors.IsNotFound(err)
		}, waitLong, waitStep, "the kind is gone")
	})
}

func tenant(namespace, guest, condition string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authentication.liqo.io/v1beta1", "kind": "Tenant",
		"metadata": map[string]any{"namespace": namespace, "name": guest},
		"spec":     map[string]any{"clusterID": guest, "tenantCondition": condition},
	}}
}

// TestLiqosTenantSuspendsItsGuestWhereThePolicyWantsIt: all other tests here run without the kind.
func TestLiqosTenantSuspendsItsGuestWhereThePolicyWantsIt(t *testing.T) {
	w := newWorld(t)
	w.define(t, "authentication.liqo.io", "tenants", "Tenant")
	home := w.namespace(t, foreign(apis.LabelRemoteCluster, "drainable", apis.LabelTenantNamespace, "true"))
	object := tenant(home, "drainable", "Active")
	eventually(t, "the kind is served", func() bool {
		err := w.client.Create(t.Context(), object)
		return err == nil || apierrors.IsAlreadyExists(err)
	})
	space := w.namespace(t, foreign(apis.LabelRemoteCluster, "drainable"))
	suspended := func() bool { return w.space(t, space).Labels[apis.LabelSuspended] == "true" }
	condition := func(value string) {
		t.Helper()
		eventually(t, "the Tenant is written", func() bool {
			patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"tenantCondition":"`+value+`"}}`))
			return w.client.Patch(t.Context(), tenant(home, "drainable", value), patch) == nil
		})
	}
	reason := func() string {
		policy := &v1alpha1.GuestPolicy{}
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: "drainable"}, policy))
		for _, c := range policy.Status.Conditions {
			if c.Type == v1alpha1.ConditionSuspended && c.Status == metav1.ConditionTrue {
				return c.Reason
			}
		}
		return ""
	}

	first := w.start(t)
	w.decide(t, "drainable", v1alpha1.GuestPolicySpec{SuspendWithTenant: v1alpha1.TenantCordoned})
	condition("Cordoned")
	eventually(t, "a cordoned Tenant suspends its guest", suspended)
	eventually(t, "which the condition says", func() bool { return reason() == "TenantCordoned" })
	w.decide(t, "drainable", v1alpha1.GuestPolicySpec{SuspendWithTenant: v1alpha1.TenantDrained})
	eventually(t, "not where only a drained one shall", func() bool { return !suspended() })
	condition("Drained")
	eventually(t, "as this one now is", suspended)

	first.stop(t)
	w.start(t)
	require.Never(t, func() bool { return !suspended() }, quiet, waitStep, "a controller that starts sets the guest free")
	condition("Active")
	eventually(t, "an active Tenant ends it", func() bool { return !suspended() })
	eventually(t, "which the condition says", func() bool { return reason() == "" })
}

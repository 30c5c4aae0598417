//go:build api

package controller

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
)

// TestAGuestReadsItsReportAndNothingElse: with the component deploy/reports and the kinds of OpenReports there is a report in each guest's namespace.
func TestAGuestReadsItsReportAndNothingElse(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	space, other := w.namespace(t, foreign(apis.LabelRemoteCluster, "reported")), w.namespace(t, foreign(apis.LabelRemoteCluster, "rival"))
	lease := &coordinationv1.Lease{}
	require.NoError(t, nodelease.Write(lease, nodelease.State{Node: "reporting-1", Holder: "agent", Boot: "b", Renewed: time.Now(), Guests: nodelease.EncodeGuests(
		[]nodelease.GuestPods{{Guest: "reported", Pods: 3, Held: 2, Written: time.Now()}, {Guest: "rival", Pods: 1, Held: 1}})}))
	require.NoError(t, w.client.Create(ctx, lease))
	t.Cleanup(func() { require.NoError(t, w.client.Delete(context.WithoutCancel(ctx), lease)) })
	require.NoError(t, w.Apply(ctx, root+"/deploy/reports/rights.yaml", "testdata/reports.yaml"))
	kind := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "reports.openreports.io"}}}
	process := w.start(t)
	t.Cleanup(func() { process.stop(t); require.NoError(t, w.client.Delete(context.WithoutCancel(ctx), kind)) })

	guest, err := w.User("analyst", "reported")
	require.NoError(t, err)
	reader, err := client.New(guest, client.Options{})
	require.NoError(t, err)
	report := func(namespace string) (*unstructured.Unstructured, error) {
		o := &unstructured.Unstructured{}
		o.SetAPIVersion("openreports.io/v1alpha1")
		o.SetKind("Report")
		return o, reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "data-space"}, o)
	}
	var got *unstructured.Unstructured
	eventually(t, "the guest reads its report", func() bool { got, err = report(space); return err == nil })
	require.Equal(t, map[string]any{"pass": int64(2), "fail": int64(1), "warn": int64(0), "error": int64(0), "skip": int64(0)}, got.Object["summary"])
	results, _, err := unstructured.NestedSlice(got.Object, "results")
	require.NoError(t, err)
	first, _ := results[0].(map[string]any)
	require.Equal(t, "the kernels of their nodes hold the rules of 2 of 3 pods of guest reported", first["message"])
	require.Equal(t, "fail", first["result"])
	require.NotContains(t, first["message"], "reporting-1", "a node's name is not the guest's to know")

	eventually(t, "the rival has one too", func() bool {
		o := got.DeepCopy()
		return w.client.Get(ctx, client.ObjectKey{Namespace: other, Name: "data-space"}, o) == nil
	})
	_, err = report(other)
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	got.SetNamespace(space)
	require.True(t, apierrors.IsForbidden(reader.Delete(ctx, got)), "nor does it change its own")
	clients, err := kubernetes.NewForConfig(guest)
	require.NoError(t, err)
	_, err = clients.CoreV1().Pods(space).List(ctx, metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "it was given nothing else: %v", err)
	w.requireBindsNothingElse(t, space)
}

// requireBindsNothingElse requires that the controller's token makes no other RoleBinding.
func (w *world) requireBindsNothingElse(t *testing.T, space string) {
	t.Helper()
	token, err := w.Token(t.Context(), apis.SystemNamespace, apis.ControllerName)
	require.NoError(t, err)
	config := rest.AnonymousClientConfig(w.Config)
	config.BearerToken = token
	clients, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	const role = "data-space-guest-reader"
	for name, change := range map[string]func(*rbacv1.RoleBinding){
		"another name":  func(b *rbacv1.RoleBinding) { b.Name = "mine" },
		"another role":  func(b *rbacv1.RoleBinding) { b.RoleRef.Name = "cluster-admin" },
		"another guest": func(b *rbacv1.RoleBinding) { b.Subjects[0].Name = "rival" },
		"a user":        func(b *rbacv1.RoleBinding) { b.Subjects[0].Kind = "User" },
	} {
		b := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role, Namespace: space}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "reported"}},
		}
		change(b)
		eventually(t, name+" is refused once the policy is in force", func() bool {
			_, err := clients.RbacV1().RoleBindings(space).Create(t.Context(), b.DeepCopy(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return apierrors.IsForbidden(err) || apierrors.IsInvalid(err)
		})
	}
}

//go:build api

package controller

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// patch changes a namespace by a merge patch.
func (w *world) patch(t *testing.T, by client.Client, namespace, text string) error {
	t.Helper()
	return by.Patch(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, client.RawPatch(types.MergePatchType, []byte(text)))
}

// release is what the documentation's command does.
func (w *world) release(t *testing.T, namespace, guest string) {
	t.Helper()
	require.NoError(t, w.patch(t, w.client, namespace, fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, apis.AnnotationReleasedFrom, guest)))
}

// liqos reports whether a namespace bears the labels of a guest's.
func (w *world) liqos(t *testing.T, namespace, guest string) bool {
	t.Helper()
	labels := w.space(t, namespace).Labels
	value, labelled := labels[apis.LabelRemoteCluster]
	mark, marked := labels[apis.LabelGuest]
	_, tenant := labels[apis.LabelTenantNamespace]
	return labelled && value == guest && marked && mark == guest && !tenant
}

func (w *world) eventuallyLiqos(t *testing.T, namespace, guest string) {
	t.Helper()
	eventually(t, "the namespace is marked and bears Liqo's labels", func() bool { return w.liqos(t, namespace, guest) })
}

// bind gives a guest its rights in a namespace, as Liqo does.
func (w *world) bind(t *testing.T, namespace, guest string) {
	t.Helper()
	require.NoError(t, w.client.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "liqo-tenant-" + guest, Labels: map[string]string{apis.LabelManagedBy: apis.LiqoManager}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: apis.RemoteClusterRole},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: guest}},
	}))
}

func TestALabelThatIsLostOrChangedIsRestored(t *testing.T) {
	w := newWorld(t)
	p := w.start(t)
	ns := w.namespace(t, foreign())
	w.eventuallyLiqos(t, ns, "pharma")
	w.eventuallyGuarded(t, ns)
	guard := w.networkPolicy(t, ns).UID
	losses := map[string]string{
		"removed":                        `{"metadata":{"labels":{"liqo.io/remote-cluster-id":null}}}`,
		"another guest's":                `{"metadata":{"labels":{"liqo.io/remote-cluster-id":"rival"}}}`,
		"empty":                          `{"metadata":{"labels":{"liqo.io/remote-cluster-id":""}}}`,
		"a tenant namespace":             `{"metadata":{"labels":{"liqo.io/tenant-namespace":"true"}}}`,
		"all but the mark, as by a copy": `{"metadata":{"labels":{"liqo.io/remote-cluster-id":null,"liqo.io/tenant-namespace":"true"}}}`,
	}
	for loss, text := range losses {
		require.NoError(t, w.patch(t, w.client, ns, text), loss)
		w.eventuallyLiqos(t, ns, "pharma")
		require.Contains(t, w.space(t, ns).Annotations[apis.AnnotationLabelLost], "kubectl annotate namespace "+ns+" data-space.liqo.io/released-from=pharma", loss)
	}
	require.Contains(t, w.eventuallyEvent(t, ns, controller.ReasonLabelRestored), "whose pods stay contained. If it is the Hospital's own, release it: kubectl annotate")

	p.stop(t)
	for loss, text := range losses {
		require.NoError(t, w.patch(t, w.client, ns, text), loss)
	}
	w.start(t)
	w.eventuallyLiqos(t, ns, "pharma")
	time.Sleep(quiet)
	require.Equal(t, guard, w.networkPolicy(t, ns).UID, "the guard was never removed")
	require.NotNil(t, w.configMap(t, ns))
}

func TestALostLabelIsAConditionOfTheGuestPolicy(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ns := w.namespace(t, map[string]string{apis.LabelRemoteCluster: "loser"})
	policy := &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: "loser"}}
	require.NoError(t, w.client.Create(t.Context(), policy))
	t.Cleanup(func() { require.NoError(t, w.client.Delete(context.Background(), policy)) })
	is := func(status metav1.ConditionStatus, named string) func() bool {
		return func() bool {
			now := &v1alpha1.GuestPolicy{}
			require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(policy), now))
			c := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionLabelsIntact)
			return c != nil && c.Status == status && strings.Contains(c.Message, named)
		}
	}
	eventually(t, "nothing is lost", is(metav1.ConditionTrue, ""))
	require.NoError(t, w.patch(t, w.client, ns, `{"metadata":{"labels":{"liqo.io/remote-cluster-id":null}}}`))
	eventually(t, "the condition names the namespace", is(metav1.ConditionFalse, ns))
	w.eventuallyLiqos(t, ns, "loser")
	require.NoError(t, w.patch(t, w.client, ns, `{"metadata":{"annotations":{"data-space.liqo.io/label-lost":null}}}`))
	eventually(t, "someone has seen it", is(metav1.ConditionTrue, ""))
}

func TestWhatLiqoKeepsShowsAGuestsNamespaceWithoutItsLabel(t *testing.T) {
	w := newWorld(t)
	annotated, bound, custom := w.namespace(t, nil), w.namespace(t, map[string]string{"a": "b"}), w.namespace(t, nil)
	mapped := `{"metadata":{"annotations":{"liqo.io/managed-by-namespace-map":"%s/hospital"}}}`
	require.NoError(t, w.patch(t, w.client, annotated, fmt.Sprintf(mapped, "liqo-tenant-pharma")))
	w.bind(t, bound, "pharma")
	require.NoError(t, w.patch(t, w.client, custom, fmt.Sprintf(mapped, "peer-one")))
	w.bind(t, custom, "pharma")
	ordinary, tenant := w.namespace(t, map[string]string{"a": "b"}), w.namespace(t, foreign(apis.LabelTenantNamespace, "true"))
	w.bind(t, tenant, "pharma")
	versions := map[string]string{ordinary: w.space(t, ordinary).ResourceVersion, tenant: w.space(t, tenant).ResourceVersion}
	w.start(t)
	for _, ns := range []string{annotated, bound, custom} {
		w.eventuallyLiqos(t, ns, "pharma")
		w.eventuallyGuarded(t, ns)
	}
	time.Sleep(quiet)
	for ns, version := range versions {
		require.Equal(t, version, w.space(t, ns).ResourceVersion, "never a guest's")
	}
}

func TestOnlyTheHospitalReleasesANamespace(t *testing.T) {
	w := newWorld(t)
	p := w.start(t)
	labels := foreign(apis.LabelRemoteCluster, "leaving")
	ns := w.namespace(t, labels)
	w.bind(t, ns, "leaving")
	w.decide(t, "leaving", v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended})
	w.eventuallyGuarded(t, ns)
	eventually(t, "it is suspended", func() bool { return w.space(t, ns).Labels[apis.LabelSuspended] == "true" })

	w.release(t, ns, "another")
	time.Sleep(quiet)
	require.True(t, w.liqos(t, ns, "leaving"), "another guest's name releases nothing")
	w.release(t, ns, "leaving")
	w.eventuallyBare(t, ns)
	require.Contains(t, w.eventuallyEvent(t, ns, controller.ReasonReleased), `from guest "leaving"`)
	p.stop(t)
	p = w.start(t)
	time.Sleep(quiet)
	for _, label := range []string{apis.LabelGuest, apis.LabelRemoteCluster, apis.LabelSuspended} {
		require.NotContains(t, w.space(t, ns).Labels, label, "it stays released, whatever Liqo keeps")
	}
	p.stop(t)
	w.label(t, ns, apis.LabelRemoteCluster, "leaving")
	w.start(t)
	w.eventuallyLiqos(t, ns, "leaving")
	require.NotContains(t, w.space(t, ns).Annotations, apis.AnnotationReleasedFrom, "a guest's again")
}

func TestANamespaceMadeAgainUnderTheNameOfAGuestsIsTheHospitals(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "made-again", Labels: foreign()}}
	require.NoError(t, w.client.Create(t.Context(), ns))
	w.eventuallyLiqos(t, ns.Name, "pharma")
	w.eventuallyGuarded(t, ns.Name)
	for _, object := range []client.Object{w.configMap(t, ns.Name), w.networkPolicy(t, ns.Name)} {
		require.NoError(t, w.client.Delete(t.Context(), ns.DeepCopy()))
		require.NoError(t, client.IgnoreNotFound(w.client.Delete(t.Context(), object)))
	}
	ended := w.space(t, ns.Name)
	ended.Spec.Finalizers = nil
	_, err := w.clients.CoreV1().Namespaces().Finalize(t.Context(), ended, metav1.UpdateOptions{}) // no controller-manager does it here
	require.NoError(t, err)
	again := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns.Name}}
	eventually(t, "it is created again", func() bool { return w.client.Create(t.Context(), again) == nil })
	t.Cleanup(func() { require.NoError(t, w.client.Delete(context.Background(), again)) })
	time.Sleep(quiet)
	require.Equal(t, again.ResourceVersion, w.space(t, ns.Name).ResourceVersion)
}

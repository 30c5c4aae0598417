//go:build api

package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/values/apis"
)

func TestAForeignNamespaceGetsBothObjects(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)

	config := w.configMap(t, ns)
	require.Contains(t, config.Data[apis.EnvoyConfigKey], "10.0.0.10", "the cluster's DNS as its Service says")
	require.Contains(t, config.Data[apis.EnvoyConfigKey], "namespace: "+ns)
	require.Contains(t, config.Data[apis.EnvoyConfigKey], "guest: pharma")
	require.Contains(t, config.Data[apis.EnvoyModuleConfigKey], "guest: pharma")
	require.Contains(t, config.Data[apis.EnvoyModuleConfigKey], apis.ProxyModule)
	policy := w.networkPolicy(t, ns)
	require.Len(t, policy.Spec.PolicyTypes, 2)
	owner := &rbacv1.ClusterRole{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: apis.ControllerName}, owner))
	for _, object := range []client.Object{config, policy} {
		require.Equal(t, apis.ControllerName, object.GetLabels()[apis.LabelManagedBy])
		require.Equal(t, owner.UID, object.GetOwnerReferences()[0].UID)
		require.Equal(t, apis.ControllerName, object.GetManagedFields()[0].Manager)
		require.Equal(t, metav1.ManagedFieldsOperationApply, object.GetManagedFields()[0].Operation)
	}
	require.Empty(t, w.event(t, ns, controller.ReasonRecreated), "what was made for the first time was not made again")
	require.Empty(t, w.event(t, ns, controller.ReasonRestored))
}

func TestNothingIsWrittenWhereNothingDiffers(t *testing.T) {
	w := newWorld(t)
	p := w.start(t)
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)
	time.Sleep(quiet)
	config, policy := w.configMap(t, ns).ResourceVersion, w.networkPolicy(t, ns).ResourceVersion

	w.label(t, ns, "colour", "blue") // wakes the controller
	p.stop(t)
	w.start(t)
	time.Sleep(quiet)

	require.Equal(t, config, w.configMap(t, ns).ResourceVersion)
	require.Equal(t, policy, w.networkPolicy(t, ns).ResourceVersion)
}

func TestLabelsTakeEachPartOfTheGuardAwayAndBringItBack(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)

	w.label(t, ns, apis.LabelApplyWebhook, "false")
	eventually(t, "the ConfigMap is gone", func() bool { return w.configMap(t, ns) == nil })
	require.NotNil(t, w.networkPolicy(t, ns))

	w.label(t, ns, apis.LabelApplyNetpol, "false")
	w.eventuallyBare(t, ns)

	w.label(t, ns, apis.LabelApplyWebhook, "")
	w.label(t, ns, apis.LabelApplyNetpol, "true")
	w.eventuallyGuarded(t, ns)
	require.Empty(t, w.event(t, ns, controller.ReasonRecreated), "nobody had deleted them but the controller")
}

func TestANamespaceThatStopsBeingForeignIsLeftAsItWas(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)
	w.release(t, ns, "pharma")
	w.eventuallyBare(t, ns)

	w.label(t, ns, apis.LabelRemoteCluster, "pharma")
	w.eventuallyGuarded(t, ns)
}

func TestWhatChangedWhileTheControllerWasDownIsCaughtUpWith(t *testing.T) {
	w := newWorld(t)
	p := w.start(t)
	left, disguised, edited := w.namespace(t, foreign()), w.namespace(t, foreign()), w.namespace(t, foreign())
	for _, ns := range []string{left, disguised, edited} {
		w.eventuallyGuarded(t, ns)
	}
	p.stop(t)

	w.release(t, left, "pharma")
	config := w.configMap(t, disguised)
	config.Labels = nil
	require.NoError(t, w.client.Update(t.Context(), config))
	w.release(t, disguised, "pharma")
	config = w.configMap(t, edited)
	config.Data[apis.EnvoyConfigKey] = "{}"
	require.NoError(t, w.client.Update(t.Context(), config))
	late := w.namespace(t, foreign())

	w.start(t)
	w.eventuallyBare(t, left)
	w.eventuallyBare(t, disguised)
	w.eventuallyGuarded(t, late)
	eventually(t, "the edit is undone", func() bool { return w.configMap(t, edited).Data[apis.EnvoyConfigKey] != "{}" })
}

func TestWhatIsNotOursIsNotTouched(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	tenant := w.namespace(t, foreign(apis.LabelTenantNamespace, "true"))
	ordinary := w.namespace(t, map[string]string{"colour": "blue"})
	optedOut := w.namespace(t, foreign(apis.LabelApplyWebhook, "false", apis.LabelApplyNetpol, "false"))
	versions := map[string]string{}
	for _, ns := range []string{tenant, ordinary, optedOut} {
		theirs := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: apis.EnvoyConfigMapName},
			Data:       map[string]string{apis.EnvoyConfigKey: "theirs"},
		}
		require.NoError(t, w.client.Create(t.Context(), theirs))
		versions[ns] = theirs.ResourceVersion
	}

	time.Sleep(quiet)

	for ns, version := range versions {
		require.Equal(t, version, w.configMap(t, ns).ResourceVersion)
		require.Nil(t, w.networkPolicy(t, ns))
	}
}

func TestATerminatingNamespaceIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	p := w.start(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: foreign()}}
	require.NoError(t, w.client.Create(t.Context(), ns))
	w.eventuallyGuarded(t, ns.Name)
	require.NoError(t, w.client.Delete(t.Context(), ns)) // it stays, terminating: nothing here finishes it

	require.NoError(t, w.client.Delete(t.Context(), w.configMap(t, ns.Name)))
	time.Sleep(quiet)

	require.Nil(t, w.configMap(t, ns.Name))
	require.NotNil(t, w.networkPolicy(t, ns.Name))
	require.NotContains(t, p.output.String(), `"level":"ERROR"`)
}

//go:build api

package controller

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/values/apis"
)

// guest is a client with the rights that Liqo gives a guest on ConfigMaps of its namespace.
func (w *world) guest(t *testing.T, namespace string) client.Client {
	t.Helper()
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "guest"},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{""}, Resources: []string{"configmaps"},
			Verbs: []string{"create", "delete", "get", "list", "patch", "update", "watch"},
		}},
	}
	require.NoError(t, w.client.Create(t.Context(), role))
	require.NoError(t, w.client.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "guest"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "guest"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "pharma"}},
	}))
	config := rest.CopyConfig(w.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "default-0123456789ab", Groups: []string{"pharma"}}
	config.UserAgent = "pharma-kubectl/v1"
	c, err := client.New(config, client.Options{})
	require.NoError(t, err)
	eventually(t, "the API server has heard of its rights", func() bool {
		return c.List(t.Context(), &corev1.ConfigMapList{}, client.InNamespace(namespace)) == nil
	})
	return c
}

func TestWhateverAGuestDoesToItsConfigMapIsUndone(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	for what, test := range map[string]struct {
		edit   func(*corev1.ConfigMap)
		delete bool
	}{
		"another configuration": {edit: func(c *corev1.ConfigMap) { c.Data[apis.EnvoyConfigKey] = "static_resources: {}" }},
		"another configuration that cannot be changed": {edit: func(c *corev1.ConfigMap) {
			c.Data[apis.EnvoyConfigKey] = "static_resources: {}"
			c.Immutable = new(true)
		}},
		"another key": {edit: func(c *corev1.ConfigMap) { c.Data["lds.yaml"] = "{}" }},
		"no key":      {edit: func(c *corev1.ConfigMap) { c.Data = nil }},
		"the key as binary": {edit: func(c *corev1.ConfigMap) {
			c.Data = nil
			c.BinaryData = map[string][]byte{apis.EnvoyConfigKey: []byte("{}")}
		}},
		"no label and no owner": {edit: func(c *corev1.ConfigMap) { c.Labels, c.OwnerReferences = nil, nil }},
		"deleted":               {delete: true},
		"deleted but held by a finalizer": {delete: true, edit: func(c *corev1.ConfigMap) {
			c.Data = nil
			c.Finalizers = []string{"pharma.example/stay"}
		}},
	} {
		t.Run(what, func(t *testing.T) {
			ns := w.namespace(t, foreign())
			w.eventuallyGuarded(t, ns)
			want := w.configMap(t, ns)
			guest := w.guest(t, ns)
			have := want.DeepCopy()
			if test.edit != nil {
				test.edit(have)
				require.NoError(t, guest.Update(t.Context(), have))
			}
			if test.delete {
				require.NoError(t, guest.Delete(t.Context(), have))
			}
			eventually(t, "it is as it was", func() bool {
				have := w.configMap(t, ns)
				return have != nil && have.DeletionTimestamp == nil &&
					maps.Equal(have.Data, want.Data) &&
					len(have.BinaryData) == 0 && have.Immutable == nil &&
					have.Labels[apis.LabelManagedBy] == apis.ControllerName &&
					len(have.OwnerReferences) == 1 && have.OwnerReferences[0].UID == want.OwnerReferences[0].UID
			})
		})
	}
}

func TestAnEditIsReportedWithItsEditor(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)
	config := w.configMap(t, ns)
	config.Data[apis.EnvoyConfigKey] = "{}"
	require.NoError(t, w.guest(t, ns).Update(t.Context(), config, client.FieldOwner("kubectl-edit")))

	note := w.eventuallyEvent(t, ns, controller.ReasonRestored)
	require.Contains(t, note, `data.envoy.yaml had been changed by field manager "kubectl-edit"`)

	require.NoError(t, w.client.Delete(t.Context(), w.configMap(t, ns)))
	require.Contains(t, w.eventuallyEvent(t, ns, controller.ReasonRecreated), "ConfigMap "+ns+"/data-space-envoy-config")
	time.Sleep(quiet)
	require.Len(t, w.event(t, ns, controller.ReasonRestored), 1, "one edit is one Event")
	require.Len(t, w.event(t, ns, controller.ReasonRecreated), 1, "one deletion is one Event")
}

func TestAChangedNetworkPolicyIsRestored(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)
	want := w.networkPolicy(t, ns).Spec
	restored := func() bool {
		policy := w.networkPolicy(t, ns)
		return policy != nil && policy.Generation > 1 && len(policy.Spec.Egress) == 2 && len(policy.Spec.Ingress) == 1
	}

	policy := w.networkPolicy(t, ns)
	policy.Spec.Egress = append(policy.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
	require.NoError(t, w.client.Update(t.Context(), policy))
	eventually(t, "the open rule is gone", restored)
	require.Equal(t, want, w.networkPolicy(t, ns).Spec)

	policy = w.networkPolicy(t, ns)
	policy.Spec.PodSelector.MatchLabels = map[string]string{"app": "none"}
	policy.Spec.PolicyTypes = policy.Spec.PolicyTypes[:1]
	require.NoError(t, w.client.Update(t.Context(), policy))
	eventually(t, "it selects all pods again", func() bool { return len(w.networkPolicy(t, ns).Spec.PodSelector.MatchLabels) == 0 })
	require.Equal(t, want, w.networkPolicy(t, ns).Spec)

	require.NoError(t, w.client.Delete(t.Context(), w.networkPolicy(t, ns)))
	w.eventuallyGuarded(t, ns)
	require.Equal(t, want, w.networkPolicy(t, ns).Spec)
}

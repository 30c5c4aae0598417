//go:build api

package webhook

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
)

// guest is the cluster id of the tests' guest: the group of its identities, and the value of its namespaces' label.
const guest = "pharma"

// TestTenant has a guest's identity try all that Liqo grants it, and others try what only a Hospital's people may.
func TestTenant(t *testing.T) {
	w := newWorld(t)
	w.liqo(t)
	for _, story := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"the guest may do what Liqo grants it and what harms no other", harmless},
		{"the guest's ShadowPod is judged like a pod, when it comes and when it changes", shadowPods},
		{"a ShadowPod that was there before is never held up", oldShadowPods},
		{"the guest opens no way out beside its proxies", waysOut},
		{"a Service that was there before is never held up", oldServices},
		{"the guard's own objects are the controller's to write", guardObjects},
		{"a GuestPolicy steers what is admitted of one guest, from the next request on", guestPolicies},
		{"the proxy is closed to exec, attach and port-forward", connections},
		{"ephemeral containers are judged and lose the same capabilities", ephemeral},
		{"what is reported about its pods is not the guest's to change or to invent", reports},
		{"a guest's claim is bound to no volume that is there", claims},
		{"the Hospital's static volume is bound to a claim without a class everywhere but in a guest's namespace", staticVolumes},
		{"a guest's Service takes no address of its choice", addresses},
		{"a foreign pod preempts no pod unless the Hospital has granted it", priorities},
		{"on a full node the same priority drives the Hospital's pods out everywhere but from a guest's namespace", preemption},
		{"a copy of the proxy is no back door", devices},
		{"a running proxy keeps its image", proxyImage},
		{"a pod says whose it is, once and for all", marks},
		{"a pull secret in a guest's namespace would be the guest's to read", pullSecrets},
		{"a guest changes no namespace of its own", namespaces},
		{"what a guest's processes write into statuses and Events can be withheld from it", closedOutput},
		{"a guest's namespace is called as nothing else is", spaceNames},
		{"without the webhook the worst is refused all the same, and nothing is wedged", withoutWebhook},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, w) })
	}
}

// liqo installs what Liqo brings.
func (w *world) liqo(t *testing.T) {
	t.Helper()
	manifest, err := os.ReadFile("testdata/liqo.yaml")
	require.NoError(t, err)
	for _, object := range decode(t, manifest) {
		w.create(t, object)
	}
	// Most clusters have a default class.
	w.defaultClass(t)
}

// as returns a client that acts under this name and in these groups.
func (w *world) as(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()
	config := w.impersonating(user, groups...)
	c, err := client.New(config, client.Options{})
	require.NoError(t, err)
	return c
}

func (w *world) impersonating(user string, groups ...string) *rest.Config {
	config := rest.CopyConfig(w.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	config.WarningHandlerWithContext = rest.NoWarnings{}
	return config
}

const guestUser = "slice-0123456789ab"

func (w *world) tenant(t *testing.T) client.Client {
	t.Helper()
	return w.as(t, guestUser, guest)
}

func (w *world) tenantClients() kubernetes.Interface {
	return kubernetes.NewForConfigOrDie(w.impersonating(guestUser, guest))
}

// guestSpace returns a new foreign namespace with the guest's rights in it.
func (w *world) guestSpace(t *testing.T, labels ...string) string {
	t.Helper()
	namespace := w.foreign(t, labels...)
	w.create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "liqo-tenant-" + guest},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "liqo-virtual-kubelet-remote"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: guest}},
	})
	return namespace
}

// admin returns an administrator who is no member of system:masters.
func (w *world) admin(t *testing.T) client.Client {
	t.Helper()
	admin := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "administrators"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "administrators"},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: admit.Keeper},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: admit.Cleaners()[1]},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: admit.EndpointWriters()[1]},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: admit.Binders()[0]},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "system:kube-controller-manager"},
		},
	}
	require.NoError(t, client.IgnoreAlreadyExists(w.client.Create(t.Context(), admin)))
	return w.as(t, "jane", "administrators")
}

// causes returns the field of every cause of a refusal by any of our webhooks.
func causes(t *testing.T, err error) []string {
	t.Helper()
	require.True(t, apierrors.IsInvalid(err), "%v", err)
	require.ErrorContains(t, err, ".data-space.liqo.io\" denied the request")
	return causesOf(err)
}

func harmless(t *testing.T, w *world) {
	t.Helper()
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	for _, object := range []client.Object{
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: apis.EnvoyConfigMapName}},
		// The two kinds have one reserved name each.
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: apis.NetworkPolicyName}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "mine"}},
		service("plain", corev1.ServiceSpec{}),
		service("headless", corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone}),
		claim("mine", ""),
		shadowPodOf(t, "mine", corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}}),
		shadowSlice("empty", "IPv4"),
	} {
		object.SetNamespace(namespace)
		require.NoError(t, tenant.Create(t.Context(), object), "%T %s", object, object.GetName())
		object.SetLabels(map[string]string{"app": "pharma"})
		require.NoError(t, tenant.Update(t.Context(), object), "%T %s", object, object.GetName())
		require.NoError(t, tenant.Delete(t.Context(), object), "%T %s", object, object.GetName())
	}
	// What Liqo does not grant is not ours to refuse.
	require.True(t, apierrors.IsForbidden(tenant.Create(t.Context(), pod(namespace, "app"))))
}

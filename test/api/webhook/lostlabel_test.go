//go:build api

package webhook

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
)

// lostLabels: no controller runs here, so nothing restores what is lost.
func lostLabels(t *testing.T, w *world) {
	t.Helper()
	w.admin(t)
	powerful := w.as(t, guestUser, guest, "administrators")
	for loss, labels := range map[string]map[string]string{
		"at rest":            {apis.LabelRemoteCluster: guest},
		"removed":            {},
		"another guest's":    {apis.LabelRemoteCluster: "rival"},
		"empty":              {apis.LabelRemoteCluster: ""},
		"a tenant namespace": {apis.LabelRemoteCluster: guest, apis.LabelTenantNamespace: "true"},
	} {
		labels[apis.LabelGuest] = guest
		namespace := w.namespace(t, labels)
		p := pod(namespace, "app")
		w.create(t, p)
		requireProxy(t, p)
		require.Equal(t, guest, p.Annotations[gate.AnnotationGuest], loss)
		a := attemptsIn(namespace)
		require.True(t, apierrors.IsInvalid(w.client.Create(t.Context(), a.escape)), loss)
		require.Error(t, w.client.Create(t.Context(), a.open), loss)
		require.ErrorContains(t, powerful.Create(t.Context(), a.token), "tokens of the cluster are the Hospital's", loss)
		plain := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "plain"}}
		require.NoError(t, powerful.Create(t.Context(), plain), loss)
		require.ErrorContains(t, powerful.Patch(t.Context(), a.space, a.optOut), "not the guest's to change", loss)
	}
	t.Log("Without the mark each of these attempts works.")
	a := attemptsIn(w.namespace(t, nil))
	w.create(t, a.escape)
	requireNoProxy(t, a.escape)
	for _, object := range []client.Object{a.open, a.token} {
		require.NoError(t, powerful.Create(t.Context(), object))
	}
	require.NoError(t, powerful.Patch(t.Context(), a.space, a.optOut))
}

// freed is what a guest tries in a namespace that lost its label.
type freed struct {
	escape *corev1.Pod     // in the node's network
	open   *corev1.Service // at the nodes' addresses
	token  *corev1.Secret  // filled by the cluster
	space  *corev1.Namespace
	optOut client.Patch // of the namespace: no guard
}

func attemptsIn(namespace string) freed {
	a := freed{
		escape: pod(namespace, "escape"),
		open: &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "open"},
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 80}}},
		},
		token: &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "token", Annotations: map[string]string{corev1.ServiceAccountNameKey: "default"}},
			Type:       corev1.SecretTypeServiceAccountToken,
		},
		space:  &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		optOut: client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"data-space/apply-webhook":"false"}}}`)),
	}
	a.escape.Spec.HostNetwork = true
	return a
}

// TestWhatSelectsForeignNamespacesSelectsMarkedOnes compares all manifests: each webhook and binding that selects by Liqo's labels leaves marked namespaces
// to a twin, which differs in name and selector only.
func TestWhatSelectsForeignNamespacesSelectsMarkedOnes(t *testing.T) {
	closed, err := os.ReadFile(filepath.Join(root, "deploy", "closed-output", "kustomization.yaml"))
	require.NoError(t, err)
	const first, second = "{key: data-space.liqo.io/guest, operator: DoesNotExist}", "{key: data-space.liqo.io/guest, operator: Exists}"
	require.Equal(t, strings.Count(string(closed), "{key: liqo.io/remote-cluster-id, operator: Exists}"), strings.Count(string(closed), first))
	require.Equal(t, strings.Count(string(closed), first), strings.Count(string(closed), second))
	for _, file := range []string{"webhook.yaml", "admission-policy.yaml"} {
		for _, object := range manifest(t, file) {
			twinned(t, object, manifest(t, file))
		}
	}
}

// twinned compares the webhooks of a configuration, or a binding, with their twins.
func twinned(t *testing.T, object *unstructured.Unstructured, all []*unstructured.Unstructured) {
	t.Helper()
	hooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
	require.NoError(t, err)
	byName := map[string]map[string]any{}
	for _, hook := range hooks {
		byName[hook.(map[string]any)["name"].(string)] = hook.(map[string]any)
	}
	for name, hook := range byName {
		first, isFirst := selectsForeign(t, hook, "namespaceSelector")
		if !isFirst || name == "judge-namespace.data-space.liqo.io" { // of the namespace itself: a marked one is not new
			continue
		}
		require.Contains(t, first, map[string]any{"key": apis.LabelGuest, "operator": "DoesNotExist"}, name)
		part, domain, _ := strings.Cut(name, ".")
		twin := byName[part+"-marked."+domain]
		require.NotNil(t, twin, name)
		require.Equal(t, marked(first), expressions(t, twin, "namespaceSelector"), name)
		require.Equal(t, without(hook), without(twin), name)
	}
	first, isFirst := selectsForeign(t, object.Object, "spec", "matchResources", "namespaceSelector")
	if !isFirst {
		return
	}
	for _, other := range all {
		if other.GetKind() == object.GetKind() && other.GetName() == object.GetName()+"-marked" {
			require.Equal(t, marked(first), expressions(t, other.Object, "spec", "matchResources", "namespaceSelector"))
			require.Equal(t, object.Object["spec"].(map[string]any)["policyName"], other.Object["spec"].(map[string]any)["policyName"])
			return
		}
	}
	require.Fail(t, "no twin", object.GetName())
}

// without leaves out what twins differ in.
func without(hook map[string]any) map[string]any {
	rest := map[string]any{}
	for key, value := range hook {
		if key != "name" && key != "namespaceSelector" {
			rest[key] = value
		}
	}
	return rest
}

func expressions(t *testing.T, of map[string]any, path ...string) []any {
	t.Helper()
	list, _, err := unstructured.NestedSlice(of, append(path, "matchExpressions")...)
	require.NoError(t, err)
	return list
}

func selectsForeign(t *testing.T, of map[string]any, path ...string) (list []any, yes bool) {
	t.Helper()
	list = expressions(t, of, path...)
	keys := ""
	for _, e := range list {
		keys += e.(map[string]any)["key"].(string) + " " + e.(map[string]any)["operator"].(string) + ";"
	}
	return list, strings.Contains(keys, apis.LabelRemoteCluster+" Exists")
}

// marked is what the twin selects: the mark in place of Liqo's labels.
func marked(first []any) []any {
	list := []any{map[string]any{"key": apis.LabelGuest, "operator": "Exists"}}
	for _, e := range first {
		switch e.(map[string]any)["key"] {
		case apis.LabelRemoteCluster, apis.LabelTenantNamespace, apis.LabelGuest:
		default:
			list = append(list, e)
		}
	}
	return list
}

//go:build api

package webhook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

const liqoManager = "system:serviceaccount:liqo:liqo-controller-manager"

func space(name string, labels ...string) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{apis.LabelRemoteCluster: guest}}}
	for i := 0; i < len(labels); i += 2 {
		ns.Labels[labels[i]] = labels[i+1]
	}
	return ns
}

// spaceNames: a guest picks the names of its namespaces, and Liqo makes them.
func spaceNames(t *testing.T, w *world) {
	t.Helper()
	w.admin(t)
	liqo := w.as(t, liqoManager, "administrators")
	for _, name := range []string{
		"svc", "pod", "example", "com", "berlin", "red-h", "xn--p1ai", "kube-x", "kube-x-pharma", "openshift-x", "liqo-tenant-other", "istio-x", "cattle-x",
		"data-spacer-2", "gatekeeper-system", "cluster", "local", "redbank",
	} {
		if strings.Contains(name, "red-h") {
			require.NoError(t, liqo.Create(t.Context(), space(name)), "a hyphen: no top-level domain")
			continue
		}
		for _, c := range []client.Client{liqo, w.client} {
			requireNoSuchName(t, c.Create(t.Context(), space(name)), name)
			optedOut := space(name, apis.LabelApplyWebhook, "false")
			requireNoSuchName(t, c.Create(t.Context(), optedOut), name+", opted out")
		}
	}
	for _, name := range []string{"study-pharma", "liqo-demo-pharma"} {
		require.NoError(t, liqo.Create(t.Context(), space(name)), "as Liqo calls it: %s", name)
	}
	require.NoError(t, liqo.Create(t.Context(), space("liqo-tenant-pharma", apis.LabelTenantNamespace, "true")), "Liqo's own")
	labelling := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"liqo.io/remote-cluster-id":"pharma"}}}`))
	for _, name := range []string{"default", "kube-public", "data-spacer"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		requireNoSuchName(t, liqo.Patch(t.Context(), ns, labelling), name)
	}
	untenanted := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"liqo.io/tenant-namespace":null}}}`))
	requireNoSuchName(t, liqo.Patch(t.Context(), space("liqo-tenant-pharma"), untenanted), "no tenant namespace any more")
	ordinarySpaces(t, w)
}

// requireNoSuchName asserts that the policy has refused a name, or the webhook has.
func requireNoSuchName(t *testing.T, err error, what string) {
	t.Helper()
	require.True(t, apierrors.IsInvalid(err), "%s: %v", what, err)
	require.Regexp(t, "data-space-namespace-names.*choose another name|metadata.name: Forbidden", err.Error(), what)
}

// ordinarySpaces: without the webhook, nothing of the Hospital's waits, nor what is a guest's already; the worst names stay refused.
func ordinarySpaces(t *testing.T, w *world) {
	t.Helper()
	w.process.stop()
	defer w.start(t)
	for _, name := range []string{"intranet", "kube-own", "hospital"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"a": "b"}}}
		w.create(t, ns)
		ns.Labels["a"] = "c"
		require.NoError(t, w.client.Update(t.Context(), ns))
	}
	there := space("study-pharma")
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(there), there))
	there.Labels["a"] = "b"
	require.NoError(t, w.client.Update(t.Context(), there))
	require.ErrorContains(t, w.client.Create(t.Context(), space("next-pharma")), "failed calling webhook")
	require.NoError(t, client.IgnoreNotFound(w.client.Delete(t.Context(), there)))

	// A name of a namespace that was there before is said whenever a pod is created in it.
	w.remove(t, "webhook.yaml", "ValidatingWebhookConfiguration")
	defer w.restore(t, "webhook.yaml", "ValidatingWebhookConfiguration")
	require.Eventually(t, func() bool {
		err := w.client.Create(t.Context(), space("kube-x"))
		return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "data-space-namespace-names")
	}, waitLong, waitStep, "the policy alone refuses the worst")
}

// restore creates objects of a manifest by their kind, as installed.
func (w *world) restore(t *testing.T, file string, kinds ...string) {
	t.Helper()
	for _, object := range manifest(t, file) {
		if len(kinds) == 1 && object.GetKind() == kinds[0] {
			pointTo(t, object, w.port)
			w.create(t, object)
		}
	}
}

//go:build api

package webhook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
)

// withoutWebhook stops the process: what it alone would judge has to wait in foreign namespaces, and there only; what the
// policy judges as strictly goes on.
func withoutWebhook(t *testing.T, w *world) {
	t.Helper()
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	held := shadowPodOf(t, "held", pod("", "").Spec)
	held.SetNamespace(namespace)
	held.SetFinalizers([]string{"example.com/held"})
	require.NoError(t, tenant.Create(t.Context(), held))
	running := pod(namespace, "app")
	w.create(t, running)
	plain, mine := service("plain", corev1.ServiceSpec{}), claim("mine", "")
	for _, object := range []client.Object{plain, mine} {
		object.SetNamespace(namespace)
		require.NoError(t, tenant.Create(t.Context(), object))
	}
	w.process.stop()

	// Outside, nothing notices.
	elsewhere := w.namespace(t, nil)
	w.create(t, pod(elsewhere, "app"))
	for _, object := range []client.Object{
		service("plain", corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort}), ingress(nil, nil), claim("mine", "any"),
		shadowPodOf(t, "any", escape()), shadowSlice("any", "IPv4", "198.51.100.11"),
	} {
		object.SetNamespace(elsewhere)
		w.create(t, object)
	}
	// Inside, what was let in is labelled, reported on and released, ...
	w.finalize(t, tenant, held)
	running.Labels = map[string]string{"app": "pharma"}
	require.NoError(t, w.client.Update(t.Context(), running))
	require.NoError(t, w.client.SubResource("status").Update(t.Context(), running))
	mine.Annotations = map[string]string{"volume.kubernetes.io/selected-node": "node1"}
	require.NoError(t, w.client.Update(t.Context(), mine))
	toVolume := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"volumeName":"provisioned"}}`))
	require.NoError(t, w.as(t, admit.Binders()[0]).Patch(t.Context(), mine, toVolume))
	require.ErrorContains(t, connect(t, w.tenantClients(), namespace, "exec", &corev1.PodExecOptions{Command: []string{"sh"}}), "host assigned")
	plain.Spec.Ports[0].Port = 81
	require.NoError(t, tenant.Update(t.Context(), plain))
	// ... the worst is refused by the policy, ...
	for what, err := range map[string]error{
		"exec":      connect(t, w.tenantClients(), namespace, "exec", &corev1.PodExecOptions{Container: proxyName(), Command: []string{"sh"}}),
		"service":   tenant.Patch(t.Context(), plain, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"type":"NodePort"}}`))),
		"configmap": tenant.Create(t.Context(), named(&corev1.ConfigMap{}, namespace, apis.EnvoyConfigMapName)),
	} {
		require.ErrorContains(t, err, "ValidatingAdmissionPolicy 'data-space-", what)
	}
	// ... and what is new waits.
	for _, object := range []client.Object{
		service("chosen", corev1.ServiceSpec{ClusterIP: "10.0.0.77"}),
		pod(namespace, "new"), shadowPodOf(t, "new", pod("", "").Spec), ingress(ptr("public"), nil), shadowSlice("new", "IPv4", "198.51.100.11"),
	} {
		object.SetNamespace(namespace)
		require.ErrorContains(t, w.client.Create(t.Context(), object), "failed calling webhook", "%T", object)
	}
	w.withoutConfigurations(t, namespace, tenant)
}

// withoutConfigurations: a client has deleted the configurations by which the API server calls the webhook.
func (w *world) withoutConfigurations(t *testing.T, namespace string, tenant client.Client) {
	t.Helper()
	for _, object := range manifest(t, "webhook.yaml") {
		if _, hooks, _ := unstructured.NestedSlice(object.Object, "webhooks"); hooks {
			require.NoError(t, w.client.Delete(t.Context(), object))
		}
	}
	require.Eventually(t, func() bool {
		err := w.client.Create(t.Context(), pod(namespace, "new"))
		return err != nil && !isOutage(err)
	}, waitLong, waitStep)
	anywhere, chosen := pod(namespace, "new"), pod(namespace, "new")
	require.ErrorContains(t, w.client.Create(t.Context(), anywhere), "ValidatingAdmissionPolicy 'data-space-")
	chosen.Spec.NodeSelector = map[string]string{apis.LabelEnforced: "true"}
	require.ErrorContains(t, w.client.Create(t.Context(), chosen), "the proxy that Data Spacer injects is missing")
	worst := shadowPodOf(t, "worst", escape())
	worst.SetNamespace(namespace)
	require.ErrorContains(t, tenant.Create(t.Context(), worst), "a foreign pod stays out of the node's own namespaces")
	w.giantsWithoutWebhook(t, namespace, tenant)
}

// giantsWithoutWebhook: an object whose judgement exceeds the API server's budget, or its time, is refused, and no other is.
func (w *world) giantsWithoutWebhook(t *testing.T, namespace string, tenant client.Client) {
	t.Helper()
	const path = "/apis/offloading.liqo.io/v1beta1/namespaces/%s/shadowpods"
	const begin = `{"apiVersion":"offloading.liqo.io/v1beta1","kind":"ShadowPod","metadata":{"name":"giant"},"spec":{"pod":{`
	for what, spec := range map[string]string{
		"the last of many tolerations": `"tolerations":[` + strings.Repeat(`{"key":"a"},`, 20_000) + `{}]`,
		"the last of many volumes":     `"volumes":[` + strings.Repeat(`{"name":"a","emptyDir":{}},`, 8_000) + `{"name":"b","hostPath":{"path":"/"}}]`,
		"one field beside a long list": `"tolerations":[` + strings.Repeat(`{"key":"a"},`, 20_000) + `{"key":"a"}],"hostNetwork":true`,
	} {
		answer := w.send(t.Context(), t, namespace, giant{path, begin + spec + "}}}"})
		t.Logf("%s: %s", what, answer)
		require.NotContains(t, answer[:min(len(answer), 3)], "201", what)
		require.NotEqual(t, "none", answer, what)
	}
	small := shadowPodOf(t, "giant", pod("", "").Spec) // The name is free: nothing of the giants was stored.
	small.SetNamespace(namespace)
	require.NoError(t, tenant.Create(t.Context(), small))
}

// finalize labels an object and releases it from its finalizers.
func (w *world) finalize(t *testing.T, c client.Client, object client.Object) {
	t.Helper()
	// A label that is not judged would be asked about: only its finalizers change.
	object.SetFinalizers(append(object.GetFinalizers(), "example.com/more"))
	require.NoError(t, c.Update(t.Context(), object))
	w.release(t, c, object)
}

func named(object client.Object, namespace, name string) client.Object {
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

func isOutage(err error) bool { return strings.Contains(err.Error(), "failed calling webhook") }

//go:build api

package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

func liqoObject(kind, name string, spec map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetAPIVersion("offloading.liqo.io/v1beta1")
	object.SetKind(kind)
	object.SetName(name)
	return object
}

func shadowPodOf(t *testing.T, name string, spec corev1.PodSpec) *unstructured.Unstructured {
	t.Helper()
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&spec)
	require.NoError(t, err)
	return liqoObject("ShadowPod", name, map[string]any{"pod": fields})
}

// escape is the worst that a guest was seen to get past Liqo.
func escape() corev1.PodSpec {
	return corev1.PodSpec{
		NodeName: "control-plane", HostNetwork: true, HostPID: true,
		Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
		Volumes:     []corev1.Volume{hostPath()},
		Containers: []corev1.Container{{
			Name: "app", Image: "app:1", SecurityContext: &corev1.SecurityContext{Privileged: ptr(true)},
			VolumeMounts: []corev1.VolumeMount{{Name: "node", MountPath: "/node"}},
		}},
	}
}

func escapePaths() []string {
	return []string{
		"spec.pod.hostNetwork", "spec.pod.hostPID", "spec.pod.nodeName", "spec.pod.tolerations[0]", "spec.pod.volumes[0].hostPath",
		"spec.pod.containers[0].securityContext.privileged",
	}
}

func shadowPods(t *testing.T, w *world) {
	t.Helper()
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	worst := shadowPodOf(t, "worst", escape())
	worst.SetNamespace(namespace)
	require.Equal(t, escapePaths(), causes(t, tenant.Create(t.Context(), worst)))

	// A name in another spelling is another field: it hides nothing.
	spelt := shadowPodOf(t, "spelt", escape())
	spelt.SetNamespace(namespace)
	require.NoError(t, unstructured.SetNestedField(spelt.Object, false, "spec", "pod", "HOSTNETWORK"))
	require.Contains(t, causes(t, tenant.Create(t.Context(), spelt)), "spec.pod.hostNetwork")

	// Nor does it help to come in harmless.
	good := shadowPodOf(t, "good", pod("", "").Spec)
	good.SetNamespace(namespace)
	require.NoError(t, tenant.Create(t.Context(), good))
	changed := good.DeepCopy()
	changed.Object["spec"] = worst.Object["spec"]
	require.Equal(t, escapePaths(), causes(t, tenant.Update(t.Context(), changed)))
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"pod":{"hostNetwork":true}}}`))
	require.Equal(t, []string{"spec.pod.hostNetwork"}, causes(t, tenant.Patch(t.Context(), good.DeepCopy(), patch)))
	steered := good.DeepCopy()
	steered.SetLabels(map[string]string{apis.LabelApplyWebhook: "false"})
	steered.SetAnnotations(map[string]string{
		"v1.multus-cni.io/default-network":                              "kube-system/macvlan",
		"container.apparmor.security.beta.kubernetes.io/app":            "unconfined",
		"container.apparmor.security.beta.kubernetes.io/" + proxyName(): "localhost/mine",
	})
	require.Equal(t, []string{
		"metadata.labels[data-space/apply-webhook]",
		"metadata.annotations[container.apparmor.security.beta.kubernetes.io/data-space-proxy]",
		"metadata.annotations[v1.multus-cni.io/default-network]",
		"metadata.annotations",
	}, causes(t, tenant.Update(t.Context(), steered)))

	// What Liqo itself will refuse is not ours to.
	empty := liqoObject("ShadowPod", "empty", nil)
	empty.SetNamespace(namespace)
	delete(empty.Object, "spec")
	require.NoError(t, tenant.Create(t.Context(), empty))
	empty.SetLabels(map[string]string{"app": "pharma"})
	require.NoError(t, tenant.Update(t.Context(), empty))

	// The same holds for every other author.
	worst.SetResourceVersion("")
	require.Equal(t, escapePaths(), causes(t, w.client.Create(t.Context(), worst)))
	elsewhere := worst.DeepCopy()
	elsewhere.SetNamespace(w.namespace(t, nil))
	require.NoError(t, w.client.Create(t.Context(), elsewhere))
}

func proxyName() string { return apis.ProxyContainerName }

// oldShadowPods: one that today's rules refuse was stored before they came.
func oldShadowPods(t *testing.T, w *world) {
	t.Helper()
	name := w.guestSpace(t, apis.LabelApplyWebhook, "false")
	old := shadowPodOf(t, "old", escape())
	old.SetNamespace(name)
	old.SetFinalizers([]string{"example.com/held"})
	tenant := w.tenant(t)
	require.NoError(t, tenant.Create(t.Context(), old))
	w.guard(t, name)

	w.touch(t, tenant, old)
	changed := old.DeepCopy()
	require.NoError(t, unstructured.SetNestedField(changed.Object, true, "spec", "pod", "hostIPC"))
	require.NotEmpty(t, causes(t, tenant.Update(t.Context(), changed)))
	w.release(t, tenant, old)
}

// guard takes the opt-out from a namespace, and waits until pods are refused there.
func (w *world) guard(t *testing.T, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(namespace), namespace))
	delete(namespace.Labels, apis.LabelApplyWebhook)
	require.NoError(t, w.client.Update(t.Context(), namespace))
	require.Eventually(t, func() bool {
		p := pod(name, "probe")
		p.Spec.HostNetwork = true
		return w.client.Create(t.Context(), p, client.DryRunAll) != nil
	}, waitLong, waitStep)
}

// touch labels, applies and reports on an object as Liqo and others do.
func (w *world) touch(t *testing.T, c client.Client, object *unstructured.Unstructured) {
	t.Helper()
	for _, round := range []string{"first", "second"} {
		object.SetLabels(map[string]string{"round": round})
		require.NoError(t, c.Update(t.Context(), object))
		applied := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": object.GetAPIVersion(), "kind": object.GetKind(), "spec": object.Object["spec"],
			"metadata": map[string]any{"name": object.GetName(), "namespace": object.GetNamespace(), "labels": map[string]any{"applied": round}},
		}}
		require.NoError(t, c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(applied), client.ForceOwnership, client.FieldOwner("shadow")))
		require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(object), object))
	}
}

// release deletes an object and takes its finalizers away.
func (w *world) release(t *testing.T, c client.Client, object client.Object) {
	t.Helper()
	require.NoError(t, c.Delete(t.Context(), object))
	require.NoError(t, c.Get(t.Context(), client.ObjectKeyFromObject(object), object))
	object.SetFinalizers(nil)
	require.NoError(t, c.Update(t.Context(), object))
	require.Error(t, c.Get(t.Context(), client.ObjectKeyFromObject(object), object), "it has gone")
}

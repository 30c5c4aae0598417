//go:build api

package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
)

func guardObjects(t *testing.T, w *world) {
	t.Helper()
	namespace := w.guestSpace(t)
	admin, tenant, keeper := w.admin(t), w.tenant(t), w.as(t, admit.Keeper)
	for _, object := range []client.Object{
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: apis.EnvoyConfigMapName}},
		&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: apis.NetworkPolicyName}},
	} {
		writers := []client.Client{admin}
		if _, config := object.(*corev1.ConfigMap); config {
			writers = append(writers, tenant)
		}
		fresh := func() client.Object { return object.DeepCopyObject().(client.Object) }
		for _, writer := range writers {
			require.Equal(t, []string{"metadata.name"}, causes(t, writer.Create(t.Context(), fresh())))
		}
		require.NoError(t, keeper.Create(t.Context(), fresh()))
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"mine":"yes"}}}`))
		for _, writer := range writers {
			require.Equal(t, []string{"metadata.name"}, causes(t, writer.Patch(t.Context(), fresh(), patch)))
			require.Equal(t, []string{"metadata.name"}, causes(t, writer.Delete(t.Context(), fresh())))
		}
		require.ErrorContains(t, admin.DeleteAllOf(t.Context(), fresh(), client.InNamespace(namespace)), "data-space-controller keeps it")
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(object), fresh()), "it is there")
		// Those that clear a namespace away, and those whom nothing in Kubernetes stops.
		require.NoError(t, keeper.Patch(t.Context(), fresh(), patch))
		require.NoError(t, w.as(t, admit.Cleaners()[1]).DeleteAllOf(t.Context(), fresh(), client.InNamespace(namespace)))
		require.Error(t, w.as(t, admit.Cleaners()[1]).Create(t.Context(), fresh()), "they make none")
		w.create(t, fresh())
		require.NoError(t, w.client.Delete(t.Context(), fresh()))
		require.NoError(t, admin.DeleteAllOf(t.Context(), fresh(), client.InNamespace(namespace)), "all others at once")
	}
}

// connect asks for a connection into a pod that no node runs, so that the API server refuses it in the end.
func connect(t *testing.T, clients kubernetes.Interface, namespace, how string, options runtime.Object) error {
	t.Helper()
	return clients.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name("app").SubResource(how).
		VersionedParams(options, scheme.ParameterCodec).Do(t.Context()).Error()
}

func connections(t *testing.T, w *world) {
	t.Helper()
	namespace := w.guestSpace(t)
	w.create(t, pod(namespace, "app"))
	for _, clients := range []kubernetes.Interface{w.tenantClients(), w.clients} {
		for how, options := range map[string][2]runtime.Object{
			"exec":        {&corev1.PodExecOptions{Container: proxyName(), Command: []string{"sh"}}, &corev1.PodExecOptions{Command: []string{"sh"}}},
			"attach":      {&corev1.PodAttachOptions{Container: proxyName()}, &corev1.PodAttachOptions{Container: "app"}},
			"portforward": {&corev1.PodPortForwardOptions{Ports: []int32{8080, 13041}}, &corev1.PodPortForwardOptions{Ports: []int32{8080}}},
		} {
			err := connect(t, clients, namespace, how, options[0])
			require.Len(t, causes(t, err), 1, how)
			// The older way to ask, by GET.
			err = w.clients.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").Name("app").SubResource(how).
				VersionedParams(options[0], scheme.ParameterCodec).Do(t.Context()).Error()
			require.Len(t, causes(t, err), 1, how)
			err = connect(t, clients, namespace, how, options[1])
			require.True(t, apierrors.IsBadRequest(err), "%s: %v", how, err)
			require.ErrorContains(t, err, "does not have a host assigned", how)
		}
	}
}

func ephemeral(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	w.create(t, pod(namespace, "app"))
	debug := func(name string, change func(*corev1.EphemeralContainer)) error {
		p, err := w.clients.CoreV1().Pods(namespace).Get(t.Context(), "app", metav1.GetOptions{})
		require.NoError(t, err)
		c := corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: name, Image: "debug:1"}}
		change(&c)
		p.Spec.EphemeralContainers = append(p.Spec.EphemeralContainers, c)
		_, err = w.clients.CoreV1().Pods(namespace).UpdateEphemeralContainers(t.Context(), "app", p, metav1.UpdateOptions{})
		return err
	}
	require.NoError(t, debug("first", func(*corev1.EphemeralContainer) {}))
	const at = "spec.ephemeralContainers[1]."
	for path, change := range map[string]func(*corev1.EphemeralContainer){
		"targetContainerName":        func(c *corev1.EphemeralContainer) { c.TargetContainerName = proxyName() },
		"securityContext.privileged": func(c *corev1.EphemeralContainer) { c.SecurityContext = &corev1.SecurityContext{Privileged: ptr(true)} },
		"securityContext.runAsUser": func(c *corev1.EphemeralContainer) {
			c.SecurityContext = &corev1.SecurityContext{RunAsUser: ptr(apis.ProxyUID)}
		},
		"volumeMounts[0].name":             func(c *corev1.EphemeralContainer) { c.VolumeMounts = adminMount() },
		"securityContext.capabilities.add": func(c *corev1.EphemeralContainer) { c.SecurityContext = adding("NET_RAW") },
	} {
		require.Equal(t, []string{at + path}, causes(t, debug("second", change)))
	}
	require.NoError(t, debug("second", func(c *corev1.EphemeralContainer) { c.TargetContainerName = "app" }))
	p := &corev1.Pod{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "app"}, p))
	require.Len(t, p.Spec.EphemeralContainers, 2)
	for _, c := range p.Spec.EphemeralContainers {
		require.Equal(t, []corev1.Capability{"NET_RAW", "NET_ADMIN"}, c.SecurityContext.Capabilities.Drop)
	}
}

func adding(capability corev1.Capability) *corev1.SecurityContext {
	return &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{capability}}}
}

func proxyImage(t *testing.T, w *world) {
	t.Helper()
	p := pod(w.foreign(t), "app")
	w.create(t, p)
	changed := p.DeepCopy()
	changed.Spec.InitContainers[0].Image = "docker.io/pharma/envoy:mine"
	require.ErrorContains(t, w.client.Update(t.Context(), changed), "a running proxy keeps its image")
	p.Spec.Containers[0].Image = "pharma-app:next"
	require.NoError(t, w.client.Update(t.Context(), p))
}

// marks: whose a pod is, is said by admission, once and for all.
func marks(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	p := pod(namespace, "marked")
	require.NoError(t, w.client.Create(t.Context(), p))
	require.Equal(t, "pharma", p.Annotations[gate.AnnotationGuest])
	for _, patch := range []string{
		`{"metadata":{"annotations":{"data-space.liqo.io/guest":null}}}`,
		`{"metadata":{"annotations":{"data-space.liqo.io/guest":"other"}}}`,
		`{"metadata":{"annotations":null}}`,
	} {
		err := w.client.Patch(t.Context(), p.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch)))
		require.ErrorContains(t, err, "leave the annotation data-space.liqo.io/guest as it is", patch)
	}
	again := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"},"annotations":{"c":"d"},"finalizers":null}}`))
	require.NoError(t, w.client.Patch(t.Context(), p, again), "what was admitted can be labelled, annotated and released")

	other := pod(namespace, "others")
	other.Annotations = map[string]string{gate.AnnotationGuest: "other"}
	require.ErrorContains(t, w.client.Create(t.Context(), other), "metadata.annotations[data-space.liqo.io/guest]")
	shadow := shadowPodOf(t, "marked", corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}})
	shadow.SetNamespace(namespace)
	shadow.SetAnnotations(map[string]string{gate.AnnotationGuest: "pharma"})
	require.ErrorContains(t, w.client.Create(t.Context(), shadow), "data-space.liqo.io/guest")
}

// namespaces: Liqo grants a guest nothing on them; here RBAC does.
func namespaces(t *testing.T, w *world) {
	t.Helper()
	w.admin(t)
	powerful := w.as(t, guestUser, guest, "administrators")
	name := w.foreign(t)
	for _, patch := range []string{
		`{"metadata":{"labels":{"data-space/apply-webhook":"false"}}}`,
		`{"metadata":{"labels":{"liqo.io/tenant-namespace":"true"}}}`,
		`{"metadata":{"labels":{"liqo.io/remote-cluster-id":null}}}`,
	} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		change := client.RawPatch(types.MergePatchType, []byte(patch))
		require.ErrorContains(t, powerful.Patch(t.Context(), namespace, change), "not the guest's to change", patch)
		require.ErrorContains(t, powerful.Status().Patch(t.Context(), namespace, change), "not the guest's to change", patch)
	}
	t.Log("A subresource writes labels as well, as a namespace that is nobody's shows.")
	finalizer := kubernetes.NewForConfigOrDie(w.impersonating(guestUser, guest, "administrators")).CoreV1().Namespaces()
	for _, space := range []string{w.namespace(t, nil), name} {
		now := &corev1.Namespace{}
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: space}, now))
		now.Labels[apis.LabelApplyWebhook] = "false"
		_, err := finalizer.Finalize(t.Context(), now, metav1.UpdateOptions{})
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: space}, now))
		if space == name {
			require.ErrorContains(t, err, "not the guest's to change")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "false", now.Labels[apis.LabelApplyWebhook])
		require.NoError(t, powerful.Status().Patch(t.Context(), now, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`))))
		require.Equal(t, "b", now.Labels["a"])
	}
	mine := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "mine-", Labels: map[string]string{apis.LabelRemoteCluster: guest}}}
	require.ErrorContains(t, powerful.Create(t.Context(), mine), "not the guest's to change")
	other := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "other-"}}
	require.NoError(t, powerful.Create(t.Context(), other))
}

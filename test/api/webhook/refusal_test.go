//go:build api

package webhook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

func ptr[T any](value T) *T { return &value }

func refused(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	for what, c := range map[string]struct {
		change func(*corev1.PodSpec)
		paths  []string
	}{
		"the node's network":  {func(s *corev1.PodSpec) { s.HostNetwork = true }, []string{"spec.hostNetwork"}},
		"the node's files":    {func(s *corev1.PodSpec) { s.Volumes = []corev1.Volume{hostPath()} }, []string{"spec.volumes[0].hostPath"}},
		"shared processes":    {func(s *corev1.PodSpec) { s.ShareProcessNamespace = ptr(true) }, []string{"spec.shareProcessNamespace"}},
		"a user namespace":    {func(s *corev1.PodSpec) { s.HostUsers = ptr(false) }, []string{"spec.hostUsers"}},
		"another system":      {func(s *corev1.PodSpec) { s.OS = &corev1.PodOS{Name: "windows"} }, []string{"spec.os.name"}},
		"the proxy's name":    {func(s *corev1.PodSpec) { s.Containers[0].Name = apis.ProxyContainerName }, []string{"spec.containers[0].name"}},
		"the proxy's group":   {func(s *corev1.PodSpec) { s.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr(apis.ProxyUID)} }, []string{"spec.securityContext.fsGroup"}},
		"the proxy's volumes": {func(s *corev1.PodSpec) { s.Containers[0].VolumeMounts = adminMount() }, []string{"spec.containers[0].volumeMounts[0].name"}},
		"all at once": {func(s *corev1.PodSpec) {
			s.HostPID, s.HostIPC = true, true
			s.Containers[0].SecurityContext = &corev1.SecurityContext{
				Privileged: ptr(true), RunAsUser: ptr(apis.ProxyUID),
				Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"CHOWN", "NET_RAW"}},
			}
		}, []string{
			"spec.hostPID", "spec.hostIPC", "spec.containers[0].securityContext.runAsUser",
			"spec.containers[0].securityContext.capabilities.add", "spec.containers[0].securityContext.privileged",
		}},
	} {
		p := pod(namespace, "app")
		c.change(&p.Spec)
		require.Equal(t, c.paths, paths(t, w.client.Create(t.Context(), p)), what)
	}
	pods := &corev1.PodList{}
	require.NoError(t, w.client.List(t.Context(), pods, client.InNamespace(namespace)))
	require.Empty(t, pods.Items)
}

func hostPath() corev1.Volume {
	return corev1.Volume{Name: "node", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}
}

func adminMount() []corev1.VolumeMount {
	return []corev1.VolumeMount{{Name: apis.ProxyRuntimeVolume, MountPath: "/run/data-space"}}
}

// unsafePod returns a pod, already stored, that would be refused today.
func (w *world) unsafePod(t *testing.T, namespace string) *corev1.Pod {
	t.Helper()
	p := pod(namespace, "old")
	p.Spec.HostNetwork = true
	w.create(t, p)
	return p
}

func (w *world) relabel(t *testing.T, p *corev1.Pod) {
	t.Helper()
	p.Labels = map[string]string{"app": "old"}
	require.NoError(t, w.client.Update(t.Context(), p))
	requireUnchanged(t, p)
	require.NoError(t, w.client.SubResource("status").Update(t.Context(), p))
}

func requireUnchanged(t *testing.T, p *corev1.Pod) {
	t.Helper()
	require.Empty(t, p.Spec.InitContainers)
	require.True(t, p.Spec.HostNetwork)
}

func updates(t *testing.T, w *world) {
	t.Helper()
	name := w.foreign(t, apis.LabelApplyWebhook, "false")
	p := w.unsafePod(t, name)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(namespace), namespace))
	delete(namespace.Labels, apis.LabelApplyWebhook)
	require.NoError(t, w.client.Update(t.Context(), namespace))
	w.relabel(t, p)
	require.Eventually(t, func() bool { return w.client.Create(t.Context(), pod(name, "new")) == nil }, waitLong, waitStep)
	require.NoError(t, w.client.Delete(t.Context(), p))
}

// misScoped sends the webhook everything about pods in every namespace.
func misScoped(t *testing.T, w *world) {
	t.Helper()
	all := w.configuration(t)
	all.ObjectMeta = metav1.ObjectMeta{Name: "all-too-much"}
	hook := &all.Webhooks[0]
	hook.NamespaceSelector, hook.ReinvocationPolicy = nil, nil
	hook.Rules[0].Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll}
	hook.Rules[0].Resources = []string{"*/*"}
	hook.Rules[0].APIGroups, hook.Rules[0].APIVersions, hook.Rules[0].Scope = []string{"*"}, []string{"*"}, nil
	w.create(t, all)
	w.deleteLater(t, all)

	elsewhere := w.namespace(t, nil)
	require.Eventually(t, func() bool {
		probe := pod(elsewhere, "")
		probe.GenerateName = "probe-"
		w.create(t, probe)
		requireNoProxy(t, probe)
		return strings.Contains(w.process.String(), `"namespace":"`+elsewhere)
	}, waitLong, waitStep, "the API server asks the webhook about every pod now")
	for _, namespace := range []string{w.namespace(t, nil), w.foreign(t, apis.LabelTenantNamespace, "true"), w.foreign(t, apis.LabelApplyWebhook, "false")} {
		p := w.unsafePod(t, namespace)
		requireUnchanged(t, p)
		w.relabel(t, p)
	}
	p := pod(w.foreign(t), "app")
	w.create(t, p)
	requireProxy(t, p)
	p.Labels["app"] = "pharma"
	require.NoError(t, w.client.Update(t.Context(), p))
}

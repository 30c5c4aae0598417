//go:build api

package webhook

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// TestWebhook runs every story in one world; those that stop the process or change its certificate come last.
func TestWebhook(t *testing.T) {
	w := newWorld(t)
	for _, story := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"a pod of a foreign namespace gets its proxy", injected},
		{"pods of every other namespace stay as they are", untouched},
		{"pods that controllers make are injected, their templates are not", templates},
		{"a copy of an injected pod is stored as it is", copied},
		{"what another webhook puts before the proxy comes after it", reinvoked},
		{"the proxy fits what the namespace allows", fits},
		{"a Guaranteed pod stays Guaranteed", staysGuaranteed},
		{"the proxy's amounts do not change while it runs", resizes},
		{"no creation is refused while replicas of other settings take over", rollout},
		{"an injected pod that nothing changes afterwards is injected by one call", calledOnce},
		{"defaults of the namespace do not make the proxy a stranger", defaulted},
		{"http_proxy is set where the namespace asks", httpProxy},
		{"a label that is not understood leaves the guard up and is warned of", malformedLabel},
		{"Liqo applies a pod and forces labels on it again and again", liqoApplies},
		{"Liqo creates a pod and forces labels on it again and again", liqoCreates},
		{"a lost or changed label of Liqo's changes nothing in a marked namespace", lostLabels},
		{"a pod that cannot be made safe is refused with every reason and its path", refused},
		{"a pod that was there before is never held up", updates},
		{"a webhook configuration that matches too much does no harm", misScoped},
		{"the webhook has the rights of its manifest and needs no more", rights},
		{"a failed call names what to do", badCalls},
		{"an outage stops foreign pods only", outage},
		{"the certificate is renewed without a restart", rotation},
		{"two replicas that start at once serve under one CA", twoReplicas},
		{"certificates from files serve as well", certificateFiles},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, w) })
	}
}

func pod(namespace, name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "pharma-app:dev"}}},
	}
}

// requireProxy asserts that the proxy is there, once and first, and holds no token.
func requireProxy(t *testing.T, p *corev1.Pod) {
	t.Helper()
	require.NotEmpty(t, p.Spec.InitContainers)
	proxy := p.Spec.InitContainers[0]
	require.Equal(t, apis.ProxyContainerName, proxy.Name)
	require.Equal(t, envoyImage, proxy.Image)
	require.Equal(t, corev1.ContainerRestartPolicyAlways, *proxy.RestartPolicy)
	require.Equal(t, apis.ProxyUID, *proxy.SecurityContext.RunAsUser)
	require.Equal(t, []corev1.Capability{"ALL"}, proxy.SecurityContext.Capabilities.Drop)
	for _, mount := range proxy.VolumeMounts {
		require.NotContains(t, mount.Name, "kube-api-access", "the proxy holds the guest's token")
	}
	count := 0
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		if c.Name == apis.ProxyContainerName {
			count++
		}
	}
	require.Equal(t, 1, count)
}

func requireNoProxy(t *testing.T, p *corev1.Pod) {
	t.Helper()
	require.Empty(t, p.Spec.InitContainers)
	require.NotContains(t, p.Labels, apis.LabelNetpolAllow)
	require.Nil(t, p.Spec.Containers[0].SecurityContext)
}

func injected(t *testing.T, w *world) {
	t.Helper()
	p := pod(w.foreign(t), "app")
	p.Spec.InitContainers = []corev1.Container{{Name: "migrate", Image: "migrate:1"}}
	w.create(t, p)
	requireProxy(t, p)
	require.Equal(t, "migrate", p.Spec.InitContainers[1].Name)
	require.Equal(t, "true", p.Labels[apis.LabelNetpolAllow])
	lost := []corev1.Capability{"NET_RAW", "NET_ADMIN"}
	require.Equal(t, lost, p.Spec.Containers[0].SecurityContext.Capabilities.Drop)
	require.Equal(t, lost, p.Spec.InitContainers[1].SecurityContext.Capabilities.Drop)
	require.Contains(t, p.Spec.Containers[0].VolumeMounts[0].Name, "kube-api-access", "this API server mounts tokens")
	require.Empty(t, p.Spec.Containers[0].Env)
	require.Contains(t, w.process.String(), "proxy injected")
}

func untouched(t *testing.T, w *world) {
	t.Helper()
	w.serviceAccount(t, metav1.NamespaceSystem)
	w.serviceAccount(t, apis.SystemNamespace)
	for what, namespace := range map[string]string{
		"no label of a guest":     w.namespace(t, nil),
		"Liqo's tenant namespace": w.foreign(t, apis.LabelTenantNamespace, "true"),
		"opted out":               w.foreign(t, apis.LabelApplyWebhook, "false"),
		"the system's":            apis.SystemNamespace,
		"the cluster's":           metav1.NamespaceSystem,
	} {
		p := pod(namespace, "app")
		p.Spec.HostNetwork = true
		require.NoError(t, w.client.Create(t.Context(), p), what)
		requireNoProxy(t, p)
	}
}

func templates(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	job, set := jobAndReplicaSet(namespace, pod(namespace, "").Spec)
	w.create(t, job)
	w.create(t, set)
	require.Empty(t, job.Spec.Template.Spec.InitContainers)
	require.Empty(t, set.Spec.Template.Spec.InitContainers)
	for _, owner := range []metav1.OwnerReference{
		*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job")),
		*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet")),
	} {
		p := pod(namespace, "")
		p.GenerateName = owner.Name + "-"
		p.OwnerReferences = []metav1.OwnerReference{owner}
		if owner.Kind == "Job" {
			p.Spec.RestartPolicy = corev1.RestartPolicyNever
		}
		w.create(t, p)
		requireProxy(t, p)
		require.Equal(t, owner, p.OwnerReferences[0])
	}
}

func copied(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	first := pod(namespace, "first")
	w.create(t, first)
	second := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "second", Labels: first.Labels}, Spec: first.Spec}
	w.create(t, second)
	require.Equal(t, first.Spec, second.Spec)

	changed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "third"}, Spec: *first.Spec.DeepCopy()}
	changed.Spec.InitContainers[0].Image = "docker.io/pharma/envoy:mine"
	changed.Spec.InitContainers[0].Env = append(changed.Spec.InitContainers[0].Env, corev1.EnvVar{Name: "LD_PRELOAD", Value: "/mine.so"})
	w.warnings.take()
	w.create(t, changed)
	require.Equal(t, first.Spec.InitContainers, changed.Spec.InitContainers, "out of a backup: today's takes its place")
	require.Contains(t, w.warnings.take(), "the pod brought a container data-space-proxy that differs from the proxy of today in env, image: it is replaced")
}

func defaulted(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	w.create(t, limitRange(namespace))
	p := pod(namespace, "app")
	w.create(t, p)
	requireProxy(t, p)
	require.Contains(t, p.Spec.InitContainers[0].Resources.Limits, corev1.ResourceEphemeralStorage, "the default was added")
	again := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "again"}, Spec: p.Spec}
	w.create(t, again)
	require.Equal(t, p.Spec, again.Spec)
}

func httpProxy(t *testing.T, w *world) {
	t.Helper()
	p := pod(w.foreign(t, apis.LabelHTTPProxy, "true"), "app")
	p.Spec.InitContainers = []corev1.Container{{Name: "migrate", Image: "migrate:1"}}
	p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "own", Image: "own:1",
		Env: []corev1.EnvVar{{Name: "http_proxy", Value: "http://198.51.100.7:3128"}}})
	w.create(t, p)
	for _, c := range []corev1.Container{p.Spec.InitContainers[1], p.Spec.Containers[0]} {
		require.Equal(t, map[string]string{
			"http_proxy": "http://127.0.0.1:13032", "HTTP_PROXY": "http://127.0.0.1:13032",
			"no_proxy": "localhost,127.0.0.1,::1", "NO_PROXY": "localhost,127.0.0.1,::1",
		}, environment(c), c.Name)
	}
	require.Equal(t, map[string]string{"http_proxy": "http://198.51.100.7:3128"}, environment(p.Spec.Containers[1]))
	require.Equal(t, []string{"GOMEMLIMIT", "POD_NAME", "POD_NAMESPACE"}, slices.Sorted(maps.Keys(environment(p.Spec.InitContainers[0]))))
}

func environment(c corev1.Container) map[string]string {
	found := map[string]string{}
	for _, v := range c.Env {
		found[v.Name] = v.Value
	}
	return found
}

func malformedLabel(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t, apis.LabelApplyWebhook, "False")
	w.warnings.take()
	p := pod(namespace, "app")
	w.create(t, p)
	requireProxy(t, p)
	require.Contains(t, w.warnings.take(), `namespace label data-space/apply-webhook="False" is taken as true: the proxy is injected; accepted values are true and false`)
}

// paths returns the field of every cause of a refusal.
func paths(t *testing.T, err error) []string {
	t.Helper()
	require.True(t, apierrors.IsInvalid(err), "%v", err)
	require.ErrorContains(t, err, fmt.Sprintf("admission webhook %q denied the request", "inject-pod.data-space.liqo.io"))
	status, _ := err.(apierrors.APIStatus)
	var all []string
	for _, cause := range status.Status().Details.Causes {
		all = append(all, cause.Field)
	}
	return all
}

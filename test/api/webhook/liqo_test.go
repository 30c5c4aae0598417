//go:build api

package webhook

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

// shadowPod is the field owner under which Liqo applies pods.
const shadowPod = "shadow-pod"

func (w *world) apply(t *testing.T, p *corev1apply.PodApplyConfiguration) *corev1.Pod {
	t.Helper()
	stored, err := w.clients.CoreV1().Pods(*p.Namespace).Apply(t.Context(), p, metav1.ApplyOptions{FieldManager: shadowPod, Force: true})
	require.NoError(t, err)
	return stored
}

func labelled(namespace, round string) *corev1apply.PodApplyConfiguration {
	return corev1apply.Pod("app", namespace).
		WithLabels(map[string]string{"liqo.io/managed-by": "shadowpod", "round": round}).
		WithAnnotations(map[string]string{"round": round})
}

// reapply forces labels and annotations on the pod, with its specification where given, and deletes it in the end.
func (w *world) reapply(t *testing.T, namespace string, specs ...*corev1apply.PodSpecApplyConfiguration) {
	t.Helper()
	for round, spec := range specs {
		p := labelled(namespace, strconv.Itoa(round))
		p.Spec = spec
		stored := w.apply(t, p)
		requireProxy(t, stored)
		require.Equal(t, "migrate", stored.Spec.InitContainers[1].Name)
		require.Equal(t, "true", stored.Labels[apis.LabelNetpolAllow])
		require.Equal(t, strconv.Itoa(round), stored.Annotations["round"])
	}
	held := &corev1.Pod{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "app"}, held))
	held.Finalizers = []string{"example.com/held"}
	require.NoError(t, w.client.Update(t.Context(), held))
	require.NoError(t, w.client.Delete(t.Context(), held))
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(held), held))
	held.Finalizers = nil
	require.NoError(t, w.client.Update(t.Context(), held))
}

func liqoSpec() *corev1apply.PodSpecApplyConfiguration {
	return corev1apply.PodSpec().
		WithInitContainers(corev1apply.Container().WithName("migrate").WithImage("migrate:1")).
		WithContainers(corev1apply.Container().WithName("app").WithImage("pharma-app:dev"))
}

func liqoApplies(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	requireProxy(t, w.apply(t, labelled(namespace, "first").WithSpec(liqoSpec())))
	w.reapply(t, namespace, liqoSpec(), liqoSpec())
}

func liqoCreates(t *testing.T, w *world) {
	t.Helper()
	namespace := w.foreign(t)
	p := pod(namespace, "app")
	p.Spec.InitContainers = []corev1.Container{{Name: "migrate", Image: "migrate:1"}}
	require.NoError(t, w.client.Create(t.Context(), p, client.FieldOwner(shadowPod)))
	requireProxy(t, p)
	w.reapply(t, namespace, nil, liqoSpec(), nil, nil)
}

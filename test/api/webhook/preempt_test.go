//go:build api

package webhook

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

// preemption: with a real scheduler and a full node, a pod that names the Hospital's class waits in a guest's namespace and
// drives another one out in any other.
func preemption(t *testing.T, w *world) {
	t.Helper()
	class := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "urgent"}, Value: 1000}
	w.create(t, class)
	w.deleteLater(t, class)
	outside, namespace := w.namespace(t, nil), w.foreign(t)
	w.machine(t)
	w.scheduler(t)
	patients := needing(pod(outside, "patients"), "800m", "")
	w.create(t, patients)
	require.Eventually(t, func() bool { return w.scheduled(t, patients) == "" }, waitLong, waitStep, "it runs")

	study := needing(pod(namespace, "study"), "700m", "urgent")
	w.create(t, study)
	require.Eventually(t, func() bool { return strings.Contains(w.scheduled(t, study), "preemptionPolicy=Never") }, waitLong, waitStep, "%s", w.scheduled(t, study))
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(patients), patients))
	require.Nil(t, patients.DeletionTimestamp, "the Hospital's pod stays")

	emergency := needing(pod(outside, "emergency"), "700m", "urgent")
	w.create(t, emergency)
	require.Eventually(t, func() bool {
		require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(patients), patients))
		return patients.DeletionTimestamp != nil
	}, waitLong, waitStep, "the same class drives it out in a namespace of the Hospital's: %s", w.scheduled(t, emergency))
	for _, p := range []*corev1.Pod{emergency, patients} {
		require.NoError(t, w.client.Delete(t.Context(), p, client.GracePeriodSeconds(0)))
	}
	require.Eventually(t, func() bool { return w.scheduled(t, study) == "" }, waitLong, waitStep, "where there is room, it runs: %s", w.scheduled(t, study))
}

// storyTaint keeps the pods of other stories off the node: they wait for one as well.
const storyTaint = "example.com/preemption"

func needing(p *corev1.Pod, cpu, class string) *corev1.Pod {
	p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse(cpu)}
	p.Spec.PriorityClassName = class
	p.Spec.Tolerations = append(p.Spec.Tolerations, corev1.Toleration{Key: storyTaint, Operator: corev1.TolerationOpExists})
	return p
}

// scheduled returns why a pod has no node, or "" when it has one.
func (w *world) scheduled(t *testing.T, p *corev1.Pod) string {
	t.Helper()
	found := &corev1.Pod{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(p), found))
	if found.Spec.NodeName != "" {
		return ""
	}
	for _, c := range found.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return c.Message
		}
	}
	return "the scheduler has not seen it"
}

// machine makes a node with one processor, as far as the API knows.
func (w *world) machine(t *testing.T) {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "small", Labels: map[string]string{apis.LabelEnforced: "true"}}}
	w.create(t, node)
	w.deleteLater(t, node)
	// Without the taint of a node that is not ready, which the API server gives to a new one.
	node.Spec.Taints = []corev1.Taint{{Key: storyTaint, Effect: corev1.TaintEffectNoSchedule}}
	require.NoError(t, w.client.Update(t.Context(), node))
	room := corev1.ResourceList{"cpu": one(), "memory": resource.MustParse("4Gi"), "pods": resource.MustParse("10")}
	node.Status.Capacity, node.Status.Allocatable = room, room
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	require.NoError(t, w.client.SubResource("status").Update(t.Context(), node))
}

// scheduler runs Kubernetes' own until the story ends.
func (w *world) scheduler(t *testing.T) {
	t.Helper()
	w.run(t, "KUBE_SCHEDULER")
}

// run runs a program of Kubernetes' control plane, whose path an environment variable names, until the story ends.
func (w *world) run(t *testing.T, variable string, arguments ...string) {
	t.Helper()
	binary := os.Getenv(variable)
	require.NotEmpty(t, binary, "%s is unset: name the program", variable)
	name := strings.ReplaceAll(strings.ToLower(variable), "_", "-")
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	w.create(t, account)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: name}},
	}
	w.create(t, binding)
	w.deleteLater(t, binding)
	token, err := w.Token(t.Context(), "default", name)
	require.NoError(t, err)
	arguments = append(arguments, "--kubeconfig="+w.writeKubeconfig(t, name, token), "--bind-address=127.0.0.1", "--leader-elect=false")
	process := launch(t, exec.Command(binary, arguments...))
	t.Cleanup(process.stop)
}

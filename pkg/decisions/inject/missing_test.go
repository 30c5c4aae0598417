package inject

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
)

func drops(list ...corev1.Capability) *corev1.SecurityContext {
	return &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Drop: list}}
}

func fieldsOf(problems field.ErrorList) []string {
	var all []string
	for _, problem := range problems {
		all = append(all, problem.Field)
	}
	return all
}

func TestWhatAnotherWebhookTookAwayIsMissed(t *testing.T) {
	never, lower := corev1.PreemptNever, corev1.PreemptLowerPriority
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{gate.AnnotationGuest: "pharma-1"}}, Spec: corev1.PodSpec{
		SecurityContext:   &corev1.PodSecurityContext{SeccompProfile: settings().seccomp()},
		PriorityClassName: apis.GuestPriorityClass, PreemptionPolicy: &never,
		NodeSelector:   map[string]string{apis.LabelEnforced: "true"},
		InitContainers: []corev1.Container{Sidecar(settings()), {Name: "first", SecurityContext: drops("ALL")}},
		Containers:     []corev1.Container{{Name: "app", SecurityContext: drops("NET_ADMIN", "NET_RAW")}},
	}}
	require.Empty(t, missing(pod, settings()))
	second := pod.DeepCopy()
	second.Spec.InitContainers[0], second.Spec.InitContainers[1] = second.Spec.InitContainers[1], second.Spec.InitContainers[0]
	require.Equal(t, []string{"spec.initContainers"}, fieldsOf(missing(second, settings())))
	pod.Spec.InitContainers = pod.Spec.InitContainers[1:]
	// To a runtime the first is no capability at all, and nobody has tried the others.
	pod.Spec.InitContainers[0].SecurityContext = drops("CAP_NET_RAW", "net_raw", "all", "NET_ADMIN")
	pod.Spec.Containers[0].SecurityContext = nil
	pod.Annotations, pod.Spec.NodeSelector[apis.LabelEnforced] = nil, "false"
	pod.Spec.PriorityClassName = "hospital"
	require.Equal(t, []string{
		"metadata.annotations[data-space.liqo.io/guest]", "spec.priorityClassName", "spec.nodeSelector",
		"spec.initContainers", "spec.containers[0].securityContext.capabilities.drop", "spec.initContainers[0].securityContext.capabilities.drop",
	}, fieldsOf(missing(pod, settings())))

	granted := settings()
	granted.PriorityClasses = []string{"hospital"}
	second.Spec.InitContainers = pod.Spec.InitContainers
	second.Spec.PriorityClassName, second.Spec.PreemptionPolicy = "hospital", &lower
	require.NotContains(t, fieldsOf(missing(second, granted)), "spec.priorityClassName")
	second.Spec.PriorityClassName = apis.GuestPriorityClass
	require.Contains(t, fieldsOf(missing(second, granted)), "spec.preemptionPolicy", "the class was made again, and preempts")
	anywhere := settings()
	anywhere.AnyNode = true
	require.NotContains(t, fieldsOf(missing(pod, anywhere)), "spec.nodeSelector", "the Hospital does not ask for it")
}

func TestOnlyAddedEphemeralContainersAreChanged(t *testing.T) {
	ephemeral := func(name string) corev1.EphemeralContainer {
		return corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: name}}
	}
	before := &corev1.Pod{Spec: corev1.PodSpec{EphemeralContainers: []corev1.EphemeralContainer{ephemeral("old")}}}
	require.Empty(t, Ephemeral(before, before, settings()).Patch)
	now := before.DeepCopy()
	now.Spec.EphemeralContainers = append(now.Spec.EphemeralContainers, ephemeral("new"))
	patch := Ephemeral(now, before, settings()).Patch
	require.Len(t, patch, 1)
	require.Equal(t, "/spec/ephemeralContainers/1/securityContext", patch[0].Path)
}

package admit

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestAPodToleratesWhatKeepsItOffNoNode(t *testing.T) {
	granted := Settings{Tolerations: []string{"node.kubernetes.io/unschedulable", "node.kubernetes.io/not-ready"}}
	for _, c := range []struct {
		key      string
		effect   corev1.TaintEffect
		plain    bool
		ifNamed  bool
		whatever string
	}{
		{"", "", false, false, "every taint"},
		{"node-role.kubernetes.io/control-plane", "NoSchedule", false, false, "the control plane"},
		{"node.kubernetes.io/not-ready", "NoExecute", true, true, "what every pod tolerates"},
		{"node.kubernetes.io/unreachable", "NoExecute", true, true, "what every pod tolerates"},
		{"node.kubernetes.io/not-ready", "NoSchedule", false, true, "a node that is not ready"},
		{"node.kubernetes.io/unreachable", "", false, false, "a node that is lost, by every effect"},
		{"node.kubernetes.io/memory-pressure", "NoSchedule", true, true, "what PodTolerationRestriction adds"},
		{"node.kubernetes.io/unschedulable", "NoSchedule", false, true, "a cordoned node"},
		{"node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule", false, false, "a new node"},
		{"node.cloudprovider.kubernetes.io/shutdown", "", false, false, "a node that is off"},
		{"node.kubernetes.io/network-unavailable", "", false, false, "a node without a network"},
		{"node.kubernetes.io/out-of-service", "NoExecute", false, false, "a node that was given up"},
		{"node-role.kubernetes.io/infra", "", false, false, "another role"},
		{"ToBeDeletedByClusterAutoscaler", "", false, false, "a node that is about to go"},
		{"DeletionCandidateOfClusterAutoscaler", "", false, false, "a node that may go"},
		{"CriticalAddonsOnly", "", false, false, "a node for add-ons"},
		{"karpenter.sh/disrupted", "", false, false, "a node that is about to go"},
		{"node.cilium.io/agent-not-ready", "", false, false, "a node without its network agent"},
		{"data-space.liqo.io/agent", "", false, false, "a node without ours"},
		{"data-space/agent", "", false, false, "a node without ours"},
		{"hospital.example/gpu", "NoSchedule", true, true, "the Hospital's own"},
		{"dedicated", "", true, true, "the Hospital's own"},
		{"nvidia.com/gpu", "NoSchedule", true, true, "a kind of node"},
	} {
		toleration := corev1.Toleration{Key: c.key, Effect: c.effect, Operator: corev1.TolerationOpExists}
		require.Equal(t, c.plain, tooTolerant(toleration, Settings{}) == "", "%s: %s %s", c.whatever, c.key, c.effect)
		require.Equal(t, c.ifNamed, tooTolerant(toleration, granted) == "", "%s, granted: %s %s", c.whatever, c.key, c.effect)
	}
}

func TestAShadowPodNamesNoPriorityThatIsNotGranted(t *testing.T) {
	high, never, lower := int32(1000), corev1.PreemptNever, corev1.PreemptLowerPriority
	granted := Settings{PriorityClasses: []string{"guests-urgent"}}
	for _, c := range []struct {
		spec  corev1.PodSpec
		paths []string
	}{
		{corev1.PodSpec{}, nil},
		{corev1.PodSpec{PriorityClassName: "data-space-guest", PreemptionPolicy: &never}, nil},
		{corev1.PodSpec{PriorityClassName: "guests-urgent"}, nil},
		{corev1.PodSpec{SchedulerName: "default-scheduler"}, nil},
		{corev1.PodSpec{SchedulerName: "volcano"}, []string{"spec.schedulerName"}},
		{corev1.PodSpec{PriorityClassName: "hospital"}, []string{"spec.priorityClassName"}},
		{corev1.PodSpec{Priority: &high, PreemptionPolicy: &lower}, []string{"spec.priority", "spec.preemptionPolicy"}},
	} {
		require.Equal(t, c.paths, fields(Priority(&c.spec, granted, field.NewPath("spec"))), "%+v", c.spec)
	}
}

package inject

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
)

func TestAGrantedClassThatPreemptsIsWarnedOf(t *testing.T) {
	never, lower := corev1.PreemptNever, corev1.PreemptLowerPriority
	s := settings()
	s.PriorityClasses = []string{"urgent"}
	warnings := func(class string, policy *corev1.PreemptionPolicy) []string {
		pod := asking(t, `{}`, `{}`)
		pod.Spec.PriorityClassName, pod.Spec.PreemptionPolicy = class, policy
		result, problems := Inject(pod, s)
		require.Empty(t, problems)
		return result.Warnings
	}
	for _, policy := range []*corev1.PreemptionPolicy{nil, &lower} {
		require.Len(t, warnings("urgent", policy), 1)
		require.Contains(t, warnings("urgent", policy)[0], "pods of the granted class urgent preempt pods of lower priority")
	}
	require.Empty(t, warnings("urgent", &never))
	require.Empty(t, warnings("data-space-guest", &never))
}

// TestAKnownPriorityIsSetAndAnUnknownOneIsLeftToTheAPIServer: zero is a value as well.
func TestAKnownPriorityIsSetAndAnUnknownOneIsLeftToTheAPIServer(t *testing.T) {
	usual, value := int32(100), int32(0)
	pod := &corev1.Pod{Spec: corev1.PodSpec{Priority: &usual}}
	about := func(s Settings) []Operation {
		result, problems := Inject(pod, s)
		require.Empty(t, problems)
		var found []Operation
		for _, o := range result.Patch {
			if o.Path == "/spec/priority" {
				found = append(found, o)
			}
		}
		return found
	}
	require.Equal(t, []Operation{{Op: "remove", Path: "/spec/priority"}}, about(Settings{Image: "envoy"}))
	require.Equal(t, []Operation{{Op: "add", Path: "/spec/priority", Value: value}}, about(Settings{Image: "envoy", GuestPriority: &value}))
	pod.Spec.Priority = nil
	require.Empty(t, about(Settings{Image: "envoy"}))
}

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

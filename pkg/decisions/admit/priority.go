package admit

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// MayHaveClass reports whether a foreign pod may keep a PriorityClass: ours, which preempts no pod, and the granted ones.
func (s Settings) MayHaveClass(name string) bool {
	return name == apis.GuestPriorityClass || slices.Contains(s.PriorityClasses, name)
}

// Priority evaluates the priority fields of a ShadowPod's pod, and who applies it. The API server has put no default into it, so every field that is
// there was chosen by its author. A Pod that is not of a granted class gets ours (package inject).
func Priority(spec *corev1.PodSpec, s Settings, path *field.Path) field.ErrorList {
	f := forbidder{path: path}
	name := spec.PriorityClassName
	f.when(name != "" && !strings.HasPrefix(name, systemClasses) && !s.MayHaveClass(name), "priorityClassName",
		"pods of this class may preempt the Hospital's; remove it, or have the Hospital name it in "+s.PriorityGrant())
	f.when(spec.Priority != nil, "priority", "the priority of a pod follows from its class; remove it")
	f.when(spec.PreemptionPolicy != nil && *spec.PreemptionPolicy != corev1.PreemptNever, "preemptionPolicy",
		"whether a pod preempts others follows from its class; remove it")
	f.when(spec.SchedulerName != "" && spec.SchedulerName != corev1.DefaultSchedulerName, "schedulerName",
		"another scheduler may preempt pods and read taints by rules of its own; remove it")
	return f.problems
}

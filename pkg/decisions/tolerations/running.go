package tolerations

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Running returns the names of the ProtectedTaints for which a pod that runs would be refused now, sorted.
//
// In a guest's namespace the subject is the guest. Elsewhere the author of a pod is not recorded: what no user may have counts always, and what
// some users may have counts if the pod is older than the ProtectedTaint, since a younger one was decided about when it was created. since returns
// when a ProtectedTaint was created.
func (p *Policy) Running(s Subject, pod *corev1.Pod, since func(taint string) time.Time) []string {
	var names []string
	for _, f := range p.Tolerations(s, slices.All(pod.Spec.Tolerations), nil, field.NewPath("spec", "tolerations")) {
		if s.Guest != "" || !f.Grantable || pod.CreationTimestamp.Time.Before(since(f.Taint)) {
			names = append(names, f.Taint)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

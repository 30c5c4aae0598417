package inject

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// mayKeepClass reports whether a pod's PriorityClass is ours or granted.
func (s Settings) mayKeepClass(name string) bool {
	return name == apis.GuestPriorityClass || slices.Contains(s.PriorityClasses, name)
}

// addPriority gives a pod the PriorityClass that preempts no pod, unless the Hospital has granted the one it has. The API
// server has resolved the earlier class by now, perhaps the cluster's default: what came from it goes. The API server
// resolves ours when it asks its own plugins again about a pod that a webhook has changed. Where they find the value there already, they
// change nothing, and no webhook is called again for it.
func addPriority(p *patch, spec *corev1.PodSpec, s Settings, at *field.Path) []string {
	if s.mayKeepClass(spec.PriorityClassName) {
		return preempting(spec, at)
	}
	p.add(pointer(at.Child("priorityClassName")), apis.GuestPriorityClass)
	p.add(pointer(at.Child("preemptionPolicy")), corev1.PreemptNever)
	switch {
	case s.GuestPriority != nil:
		p.add(pointer(at.Child("priority")), *s.GuestPriority)
	case spec.Priority != nil:
		p.remove(pointer(at.Child("priority")))
	}
	if spec.PriorityClassName == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s: the class %s is not granted to guests, so the pod gets %s, which preempts no pod; "+
		"the Hospital grants classes by %s", at.Child("priorityClassName"), spec.PriorityClassName, apis.GuestPriorityClass, s.PriorityGrant)}
}

// preempting warns of a class that was granted and lets a guest's pods drive out others: the API server has resolved its policy by now.
func preempting(spec *corev1.PodSpec, at *field.Path) []string {
	if spec.PriorityClassName == apis.GuestPriorityClass || spec.PreemptionPolicy != nil && *spec.PreemptionPolicy == corev1.PreemptNever {
		return nil
	}
	return []string{fmt.Sprintf("%s: pods of the granted class %s preempt pods of lower priority, the Hospital's included; "+
		"the Hospital creates the class with preemptionPolicy: Never", at.Child("priorityClassName"), spec.PriorityClassName)}
}

// missingPriority returns that a pod may preempt others, once every other webhook is done with it.
func missingPriority(spec *corev1.PodSpec, s Settings, at *field.Path) field.ErrorList {
	switch {
	case !s.mayKeepClass(spec.PriorityClassName):
		return field.ErrorList{field.Forbidden(at.Child("priorityClassName"), fmt.Sprintf("the class %s that Data Spacer sets is missing; "+
			"see that its MutatingWebhookConfiguration is there and that no other webhook changes the pod after it", apis.GuestPriorityClass))}
	case spec.PriorityClassName == apis.GuestPriorityClass && (spec.PreemptionPolicy == nil || *spec.PreemptionPolicy != corev1.PreemptNever):
		return field.ErrorList{field.Forbidden(at.Child("preemptionPolicy"), fmt.Sprintf(
			"pods of the class %s would preempt others; apply deploy/webhook.yaml again", apis.GuestPriorityClass))}
	}
	return nil
}

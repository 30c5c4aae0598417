package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Annotations of a guest's namespace by which the Hospital gives the proxies in it other amounts than the webhook's flags
// --proxy-requests and --proxy-limits, in the same form. A guest does not write its namespaces.
const (
	AnnotationRequests = "data-space.liqo.io/proxy-requests"
	AnnotationLimits   = "data-space.liqo.io/proxy-limits"
)

// In returns the settings for a namespace with these annotations. What is not understood is left out with a warning: a
// mistake there stops no pod.
func (s Settings) In(annotations map[string]string) (Settings, []string) {
	requests, limits := s.Requests, s.Limits
	var warnings []string
	for _, amounts := range []struct {
		name string
		list *corev1.ResourceList
	}{{AnnotationRequests, &requests}, {AnnotationLimits, &limits}} {
		name := amounts.name
		text, set := annotations[name]
		if !set {
			continue
		}
		read, err := ParseResources(text)
		if err == nil && name == AnnotationLimits {
			err = CheckLimits(read)
		}
		if err != nil {
			warnings = append(warnings, fmt.Sprintf("namespace annotation %s is not used: %v", name, err))
			continue
		}
		*amounts.list = read
	}
	if err := CheckResources(requests, limits); err != nil {
		return s, append(warnings, fmt.Sprintf("namespace annotations %s and %s are not used: %v", AnnotationRequests, AnnotationLimits, err))
	}
	s.Requests, s.Limits = requests, limits
	return s, warnings
}

// CheckLimits refuses limits with which the proxy does not work.
func CheckLimits(limits corev1.ResourceList) error {
	for _, name := range fittedResources() {
		needed := least(name)
		if limit, set := limits[name]; set && limit.Cmp(needed) < 0 {
			return fmt.Errorf("the limit %s=%s is below %s, with which the proxy does not work; raise it", name, limit.String(), needed.String())
		}
	}
	return nil
}

// judgeAmounts reports whether the amounts of a proxy that is about to be stored are such as Inject and the API server's
// own plugins give: of ordinary resources, and with a limit of memory where the settings name one.
func (s Settings) judgeAmounts(r corev1.ResourceRequirements) bool {
	ordinary := corev1.ResourceList{"cpu": resource.Quantity{}, "memory": resource.Quantity{}, "ephemeral-storage": resource.Quantity{}}
	for _, list := range []corev1.ResourceList{r.Limits, r.Requests} {
		for name := range list {
			if _, is := ordinary[name]; !is {
				return false
			}
		}
	}
	_, wanted := s.Limits[corev1.ResourceMemory]
	_, has := r.Limits[corev1.ResourceMemory]
	return len(r.Claims) == 0 && (has || !wanted) && CheckLimits(r.Limits) == nil
}

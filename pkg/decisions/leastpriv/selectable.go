package leastpriv

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// keysLimit is how many labels may be excluded to select pods that have none.
const keysLimit = 100

// selectable returns the workloads with a selector for those that have none: a CronJob's pods by its Jobs, and pods without labels by
// all labels that others of the namespace have. Workloads without one cannot be selected.
func selectable(w World) []Workload {
	all := slices.Clone(w.Workloads)
	keys := map[string]map[string]bool{}
	note := func(namespace string, set map[string]string) {
		if keys[namespace] == nil {
			keys[namespace] = map[string]bool{}
		}
		for k := range set {
			keys[namespace][k] = true
		}
	}
	for _, one := range all {
		note(one.Namespace, one.Labels)
	}
	uncounted := map[string]bool{}
	for _, pod := range w.Pods {
		note(pod.Namespace, pod.Labels)
		uncounted[pod.Namespace] = uncounted[pod.Namespace] || pod.Unread
	}
	for i := range all {
		one := &all[i]
		if one.Selector != nil {
			continue
		}
		var rules []metav1.LabelSelectorRequirement
		switch {
		case one.Kind == KindCronJob && len(one.Jobs) > 0:
			jobs := slices.Sorted(slices.Values(one.Jobs))
			rules = append(rules, metav1.LabelSelectorRequirement{Key: "batch.kubernetes.io/job-name", Operator: metav1.LabelSelectorOpIn, Values: jobs})
		case one.Kind == KindPod && len(keys[one.Namespace]) <= keysLimit && !uncounted[one.Namespace]:
			for _, k := range sortedKeys(keys[one.Namespace]) {
				rules = append(rules, metav1.LabelSelectorRequirement{Key: k, Operator: metav1.LabelSelectorOpDoesNotExist})
			}
		default:
			continue
		}
		one.Selector = &metav1.LabelSelector{MatchExpressions: rules}
	}
	return all
}

package inject

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Room is what the cluster asks of every container and pod of a namespace.
type Room struct {
	// Ranges and Quotas are all of the namespace. The decision does not change them, so they may be those of a shared cache.
	Ranges []corev1.LimitRange
	Quotas []corev1.ResourceQuota
}

// demands returns the name of a quota that refuses containers without this amount ("limits.cpu"), "" where there is none.
// Quotas of a scope that a pod with a proxy is never in (BestEffort) demand nothing of it.
func (r Room) demands(key corev1.ResourceName) string {
	for _, quota := range r.Quotas {
		if slices.Contains(quota.Spec.Scopes, corev1.ResourceQuotaScopeBestEffort) {
			continue
		}
		if _, set := quota.Spec.Hard[key]; set {
			return quota.Name
		}
	}
	return ""
}

// bound is one number of a LimitRange.
type bound struct {
	amount resource.Quantity
	of     string // the LimitRange's name
}

// smallest returns the tightest bound of this kind, nil where there is none.
func (r Room) smallest(kind corev1.LimitType, list func(corev1.LimitRangeItem) corev1.ResourceList, name corev1.ResourceName) *bound {
	return r.extreme(kind, list, name, -1)
}

func (r Room) largest(kind corev1.LimitType, list func(corev1.LimitRangeItem) corev1.ResourceList, name corev1.ResourceName) *bound {
	return r.extreme(kind, list, name, 1)
}

func (r Room) extreme(kind corev1.LimitType, list func(corev1.LimitRangeItem) corev1.ResourceList, name corev1.ResourceName, sign int) *bound {
	var found *bound
	for _, limitRange := range r.Ranges {
		for _, item := range limitRange.Spec.Limits {
			amount, set := list(item)[name]
			if item.Type == kind && set && (found == nil || amount.Cmp(found.amount) == sign) {
				found = &bound{amount, limitRange.Name}
			}
		}
	}
	return found
}

// limits reports whether LimitRanger gives a container a limit of this resource, or asks for one.
func (r Room) limits(name corev1.ResourceName) bool {
	return r.smallest(corev1.LimitTypeContainer, maximum, name) != nil || r.smallest(corev1.LimitTypeContainer, ratio, name) != nil ||
		r.smallest(corev1.LimitTypeContainer, byDefault, name) != nil || r.smallest(corev1.LimitTypePod, ratio, name) != nil
}

func maximum(i corev1.LimitRangeItem) corev1.ResourceList   { return i.Max }
func minimum(i corev1.LimitRangeItem) corev1.ResourceList   { return i.Min }
func ratio(i corev1.LimitRangeItem) corev1.ResourceList     { return i.MaxLimitRequestRatio }
func byDefault(i corev1.LimitRangeItem) corev1.ResourceList { return i.Default }

// quotaWarnings names each quota that has no room left for the proxy, whose refusal would name neither the proxy nor the setting.
func (r Room) quotaWarnings(amounts corev1.ResourceRequirements) []string {
	var warnings []string
	for _, quota := range r.Quotas {
		for _, key := range slices.Sorted(maps.Keys(quota.Status.Hard)) {
			needed, counted := charged(key, amounts)
			left := quota.Status.Hard[key].DeepCopy()
			left.Sub(quota.Status.Used[key])
			if counted && needed.Cmp(left) > 0 {
				warnings = append(warnings, fmt.Sprintf("ResourceQuota %s: %s has %s left and the proxy of each pod needs %s; raise the quota, or lower "+
					"the proxy's amounts by the webhook's --proxy-requests and --proxy-limits or the namespace's annotations %s and %s",
					quota.Name, key, left.String(), needed.String(), AnnotationRequests, AnnotationLimits))
			}
		}
	}
	return warnings
}

// charged returns what a quota's key counts of the proxy.
func charged(key corev1.ResourceName, amounts corev1.ResourceRequirements) (resource.Quantity, bool) {
	for _, name := range fittedResources() {
		list := amounts.Requests
		if key == "limits."+name {
			list = amounts.Limits
		} else if key != name && key != "requests."+name {
			continue
		}
		amount, set := list[name]
		return amount, set
	}
	return resource.Quantity{}, false
}

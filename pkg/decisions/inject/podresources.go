package inject

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

func fittedResources() []corev1.ResourceName {
	return []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}
}

// others lists the containers of a pod that count towards its amounts beside the proxy.
func others(spec *corev1.PodSpec) []corev1.Container {
	return slices.DeleteFunc(slices.Concat(spec.InitContainers, spec.Containers), func(c corev1.Container) bool { return c.Name == apis.ProxyContainerName })
}

// guaranteed reports whether a pod is of the QoS class Guaranteed without its proxy: every container has limits of cpu and
// memory, and requests as much. Where the pod as a whole names amounts, these decide.
func guaranteed(spec *corev1.PodSpec) bool {
	if r := spec.Resources; r != nil && (len(r.Limits) > 0 || len(r.Requests) > 0) {
		return fixed(*r)
	}
	for _, c := range others(spec) {
		if !fixed(c.Resources) {
			return false
		}
	}
	return true
}

func fixed(r corev1.ResourceRequirements) bool {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		limit, request := amount(r.Limits, name), amount(r.Requests, name)
		if limit == nil || limit.IsZero() || request != nil && request.Cmp(*limit) != 0 {
			return false
		}
	}
	return true
}

func limitsOf(r corev1.ResourceRequirements) corev1.ResourceList { return r.Limits }

// requestsOf returns the requests, where none is named the limit, as the API server sets it.
func requestsOf(r corev1.ResourceRequirements) corev1.ResourceList {
	all := maps.Clone(r.Limits)
	if all == nil {
		return r.Requests
	}
	maps.Copy(all, r.Requests)
	return all
}

// othersSum returns the limit or the request of a pod without its proxy, as LimitRanger counts it: containers and sidecars together, or
// the largest init container beside the sidecars.
func othersSum(spec *corev1.PodSpec, list func(corev1.ResourceRequirements) corev1.ResourceList, name corev1.ResourceName) resource.Quantity {
	if spec.Resources != nil {
		if whole := amount(list(*spec.Resources), name); whole != nil {
			if index := sidecarIndex(spec.InitContainers); index >= 0 {
				whole.Sub(list(spec.InitContainers[index].Resources)[name]) // addBudget has added it
			}
			return *whole
		}
	}
	var running, sidecars, largest resource.Quantity
	for _, c := range spec.Containers {
		running.Add(list(c.Resources)[name])
	}
	for _, c := range spec.InitContainers {
		of := list(c.Resources)[name]
		switch {
		case c.Name == apis.ProxyContainerName:
		case c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways:
			sidecars.Add(of)
		case of.Cmp(largest) > 0:
			largest = of
		}
	}
	if running.Cmp(largest) < 0 {
		running = largest
	}
	running.Add(sidecars)
	return running
}

// addBudget adds the proxy's amounts to those that the pod names as a whole (KEP-2837): its own containers keep what they
// had, and the sum of the containers stays within the pod's. before are the amounts of a proxy that the pod has already.
func addBudget(p *patch, spec *corev1.PodSpec, before, after corev1.ResourceRequirements, path *field.Path) {
	if spec.Resources == nil {
		return
	}
	raise := func(kind string, pod, before, after corev1.ResourceList) {
		for _, name := range slices.Sorted(maps.Keys(pod)) {
			whole := pod[name].DeepCopy()
			whole.Sub(before[name])
			whole.Add(after[name])
			if whole.Cmp(pod[name]) != 0 {
				p.add(pointer(path.Child("resources", kind))+"/"+escape(string(name)), whole.String())
			}
		}
	}
	raise("limits", spec.Resources.Limits, before.Limits, after.Limits)
	raise("requests", spec.Resources.Requests, before.Requests, after.Requests)
}

func amount(list corev1.ResourceList, name corev1.ResourceName) *resource.Quantity {
	if found, set := list[name]; set {
		return &found
	}
	return nil
}

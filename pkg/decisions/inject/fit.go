package inject

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// What the proxy gets of a resource that the settings leave open, where the namespace or the pod asks for an amount.
const (
	fallbackCPULimit, fallbackCPU         = "500m", "50m"
	fallbackMemoryLimit, fallbackMemory   = "256Mi", "64Mi"
	fallbackStorageLimit, fallbackStorage = "256Mi", "64Mi" // of storage the proxy takes its log: what the kubelet keeps of it, by default 50 MiB
)

// Below these the proxy does not work. Answers of HTTP/1 that 1,000 clients do not read take up to 198 MiB with a heap of any size, since Envoy
// ends no such stream for its memory: with 192Mi one in four attempts of test/envoy has it killed, with 256Mi none has. On cgroup v2, which counts
// the data in the buffers of sockets as well, the agent keeps these (package proxymemory). And it must start within its startup probe.
const (
	minCPULimit    = "50m"
	MinMemoryLimit = "256Mi"
)

// least returns the smallest limit with which the proxy works, zero where any will do.
func least(name corev1.ResourceName) resource.Quantity {
	needed := map[corev1.ResourceName]string{corev1.ResourceCPU: minCPULimit, corev1.ResourceMemory: MinMemoryLimit}[name]
	if needed == "" {
		return resource.Quantity{}
	}
	return resource.MustParse(needed)
}

func fallbacks(name corev1.ResourceName) (request, limit resource.Quantity) {
	both := map[corev1.ResourceName][2]string{
		corev1.ResourceCPU: {fallbackCPU, fallbackCPULimit}, corev1.ResourceMemory: {fallbackMemory, fallbackMemoryLimit},
		corev1.ResourceEphemeralStorage: {fallbackStorage, fallbackStorageLimit},
	}[name]
	return resource.MustParse(both[0]), resource.MustParse(both[1])
}

// fitted returns the settings with the proxy's amounts made to fit the namespace's LimitRanges and ResourceQuotas, and the
// pod: a Guaranteed pod stays Guaranteed. Where they cannot fit, the problems name the LimitRange and the setting.
//
// The pod's own amounts stay as they are, so the proxy's follow from the namespace and the other containers alone.
func (s Settings) fitted(spec *corev1.PodSpec, path *field.Path) (Settings, field.ErrorList) {
	limits, requests := corev1.ResourceList{}, corev1.ResourceList{}
	var problems field.ErrorList
	guaranteed := guaranteed(spec)
	for _, name := range fittedResources() {
		f := fitting{settings: s, name: name, guaranteed: guaranteed && name != corev1.ResourceEphemeralStorage}
		f.want(spec)
		if problem := f.fit(spec); problem != "" {
			problems = append(problems, field.Forbidden(path.Child("initContainers").Key(apis.ProxyContainerName).Child("resources"), problem))
		}
		if f.limit != nil {
			limits[name] = *f.limit
		}
		if f.request != nil {
			requests[name] = *f.request
		}
	}
	s.Limits, s.Requests = limits, requests
	return s, problems
}

// fitting is the amount of one resource while it is made to fit.
type fitting struct {
	settings       Settings
	name           corev1.ResourceName
	guaranteed     bool
	limit, request *resource.Quantity
}

// want sets what the settings name, and of what they leave open that which the namespace or the pod asks for.
func (f *fitting) want(spec *corev1.PodSpec) {
	request, limit := fallbacks(f.name)
	f.limit, f.request = amount(f.settings.Limits, f.name), amount(f.settings.Requests, f.name)
	budget := spec.Resources != nil && amount(spec.Resources.Limits, f.name) != nil
	if f.limit == nil && (f.guaranteed || budget || f.settings.Room.demands("limits."+f.name) != "" || f.settings.Room.limits(f.name)) {
		f.limit = atLeast(&limit, f.request)
	}
	if f.request == nil && f.limit != nil {
		f.request = atMost(&request, f.limit)
		if amount(f.settings.Limits, f.name) != nil {
			f.request = f.limit // as Kubernetes does for a limit without a request
		}
	}
	if f.request == nil && (f.settings.Room.demands("requests."+f.name) != "" || f.settings.Room.demands(f.name) != "") {
		f.request = &request
	}
}

// fit bounds the amounts by the namespace's LimitRanges. It returns why they cannot fit.
func (f *fitting) fit(spec *corev1.PodSpec) string {
	room, name := f.settings.Room, f.name
	top := room.smallest(corev1.LimitTypeContainer, maximum, name)
	if whole := room.smallest(corev1.LimitTypePod, maximum, name); whole != nil && f.limit != nil {
		rest := whole.rest(spec, limitsOf, name)
		if top == nil || rest.Cmp(top.amount) < 0 {
			top = &bound{rest, whole.of}
		}
	}
	if whole := room.largest(corev1.LimitTypePod, minimum, name); whole != nil {
		rest := whole.rest(spec, limitsOf, name) // LimitRanger asks it of the pod's limit only where a container has one
		f.limit = atLeast(f.limit, &rest)
	}
	if bottom := room.largest(corev1.LimitTypeContainer, minimum, name); bottom != nil {
		f.request = atLeast(&bottom.amount, f.request)
		f.limit = atLeast(f.limit, f.request)
	}
	if top != nil {
		f.limit, f.request = atMost(f.limit, &top.amount), atMost(f.request, &top.amount)
	}
	if needed := least(name); top != nil && top.amount.Cmp(needed) < 0 {
		return fmt.Sprintf("LimitRange %s leaves the proxy at most %s of %s and it needs %s; raise the maximum, lower the limits of the pod's other containers, "+
			"or lower the proxy's amounts by the webhook's --proxy-limits or the namespace's annotation %s (not below %s)",
			top.of, top.amount.String(), name, needed.String(), AnnotationLimits, needed.String())
	}
	for _, kind := range []corev1.LimitType{corev1.LimitTypeContainer, corev1.LimitTypePod} {
		if times := room.smallest(kind, ratio, name); times != nil && f.limit != nil {
			f.request = atLeast(divided(*f.limit, times.amount), f.request)
		}
	}
	if whole := room.smallest(corev1.LimitTypePod, maximum, name); whole != nil {
		if rest := whole.rest(spec, requestsOf, name); rest.Sign() >= 0 { // otherwise the pod is refused without the proxy, too
			f.request = atMost(f.request, &rest)
		}
	}
	if f.guaranteed {
		f.request = f.limit
	}
	f.request = atMost(f.request, f.limit)
	return ""
}

// rest returns what the other containers leave of a bound for the pod.
func (b bound) rest(spec *corev1.PodSpec, list func(corev1.ResourceRequirements) corev1.ResourceList, name corev1.ResourceName) resource.Quantity {
	rest := b.amount.DeepCopy()
	rest.Sub(othersSum(spec, list, name))
	return rest
}

// atMost returns the smaller of two; an amount that is open stays open, and an open bound bounds nothing.
func atMost(q, bound *resource.Quantity) *resource.Quantity {
	if q == nil || bound == nil || q.Cmp(*bound) <= 0 {
		return q
	}
	return bound
}

// atLeast returns the larger of two; an amount that is open stays open, and an open bound bounds nothing.
func atLeast(q, bound *resource.Quantity) *resource.Quantity {
	if q == nil || bound == nil || q.Cmp(*bound) >= 0 {
		return q
	}
	return bound
}

// divided returns limit / times, rounded up so that the ratio of the two is never above times.
func divided(limit, times resource.Quantity) *resource.Quantity {
	by := times.MilliValue()
	if by <= 0 {
		return &limit
	}
	if limit.MilliValue() < 1<<50 && limit.Format == resource.DecimalSI {
		return resource.NewMilliQuantity((limit.MilliValue()*1000+by-1)/by, limit.Format)
	}
	return resource.NewQuantity(int64(float64(limit.Value())*1000/float64(by))+1, limit.Format)
}

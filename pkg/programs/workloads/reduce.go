package workloads

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

const (
	// keptLimit is how many bytes of an object are kept, beside the names that it mentions: its labels, selectors and ports. Its author chooses them.
	keptLimit = 8 << 10
	// slicesLimit is the same for Services and EndpointSlices, of which there are fewer, and each has more.
	slicesLimit = 64 << 10
)

// annotationReduced is on each object that is reduced and may be a workload. Its value begins with a secret of this process: an object that comes
// with the annotation from the API server is reduced like any other. The value changes with what the containers mention.
const annotationReduced = "data-space.liqo.io/reduced"

// oversize is the end of the annotation's value where labels, selectors and ports were too many.
const oversize = "oversize"

// reducer is what objects go through before they are kept: a cache that kept them whole would hold as much as a tenant writes into its pods.
// It may be called with what it has returned.
type reducer struct {
	secret  string
	sources *sources
	// on reports whether the workloads of a namespace get policies.
	on func(namespace string) bool
}

// reduce takes note of the names that a workload mentions, and drops all of the object that no policy depends on.
func (r *reducer) reduce(object any) (any, error) {
	o, ok := object.(metav1.Object)
	if _, policy := object.(*networkingv1.NetworkPolicy); !ok || policy || r.reduced(o) {
		return object, nil
	}
	template, isWorkload := leastpriv.TemplateOf(object)
	mentioned := ""
	if isWorkload && r.on(o.GetNamespace()) {
		r.sources.put(template)
		mentioned = fingerprint(template.Spec)
	}
	slim(object)
	if size := sizeOf(object); size > limitOf(object) {
		empty(object)
		mentioned = oversize
	}
	if isWorkload || mentioned == oversize {
		o.SetAnnotations(map[string]string{annotationReduced: r.secret + mentioned})
	}
	return object, nil
}

func (r *reducer) reduced(o metav1.Object) bool {
	value, there := o.GetAnnotations()[annotationReduced]
	return there && len(value) >= len(r.secret) && value[:len(r.secret)] == r.secret
}

// isOversize reports whether an object of the cache was too large to be kept.
func (r *reducer) isOversize(o metav1.Object) bool {
	return o.GetAnnotations()[annotationReduced] == r.secret+oversize
}

// fingerprint changes with what the containers mention.
func fingerprint(pod corev1.PodSpec) string {
	sum := fnv.New64a()
	to := json.NewEncoder(sum)
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		_ = to.Encode([]any{c.Name, c.Env, c.EnvFrom, c.Command, c.Args}) // a hash accepts everything
	}
	return fmt.Sprintf("%016x", sum.Sum64())
}

func sizeOf(object any) int {
	if sized, ok := object.(interface{ Size() int }); ok {
		return sized.Size()
	}
	return 0
}

func limitOf(object any) int {
	switch object.(type) {
	case *corev1.Service, *discoveryv1.EndpointSlice:
		return slicesLimit
	case *metav1.PartialObjectMetadata: // of namespaces, whose labels are the Hospital's to write; of others no labels are kept
		return math.MaxInt
	default:
		return keptLimit
	}
}

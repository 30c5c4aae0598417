package webhook

import (
	"bytes"
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/decisions/limits"
)

// placements maps what a request is about to where its object says on which nodes pods run: the place of a pod's specification, or of
// what is merged into one.
func placements() map[string][]string {
	template := []string{"spec", "template", "spec"}
	return map[string][]string{
		"/pods":                      {"spec"},
		"/podtemplates":              {"template", "spec"},
		"/replicationcontrollers":    template,
		"apps/deployments":           template,
		"apps/replicasets":           template,
		"apps/statefulsets":          template,
		"apps/daemonsets":            template,
		"apps/controllerrevisions":   {"data", "spec", "template", "spec"}, // A StatefulSet's pods are made of these.
		"batch/jobs":                 template,
		"batch/cronjobs":             {"spec", "jobTemplate", "spec", "template", "spec"},
		"node.k8s.io/runtimeclasses": {"scheduling"}, // Its tolerations are added to each pod that names it.
		liqoGroup + "/shadowpods":    {"spec", "pod"},
		"/pods/binding":              {"target"},
		"/bindings":                  {"target"},
	}
}

// placement is the part of an object that says on which nodes its pods may run, as it stands.
type placement struct {
	path        *field.Path
	tolerations []byte
	// node and class are JSON texts.
	node, class []byte
	// binding reports whether the object binds a pod to a node.
	binding bool
}

// placementOf returns the placement in an object; with nil, an empty one.
func placementOf(about string, at []string, raw []byte) placement {
	spec := limits.Find(raw, at...)
	path := field.NewPath(at[0], at[1:]...)
	if about == "/pods/binding" || about == "/bindings" {
		return placement{path: path.Child("name"), node: limits.Find(spec, "name"), binding: true}
	}
	p := placement{path: path, tolerations: limits.Find(spec, "tolerations")}
	if about != "node.k8s.io/runtimeclasses" {
		p.node, p.class = limits.Find(spec, "nodeName"), limits.Find(spec, "runtimeClassName")
	}
	if about == "/pods" {
		p.class = nil // The API server has added what the class has.
	}
	return p
}

// without returns the placement without the parts that before has, too.
func (p placement) without(before placement) placement {
	if bytes.Equal(p.tolerations, before.tolerations) {
		p.tolerations = nil
	}
	if bytes.Equal(p.node, before.node) {
		p.node = nil
	}
	if bytes.Equal(p.class, before.class) {
		p.class = nil
	}
	return p
}

// nodePath returns the path of the field that names the node.
func (p placement) nodePath() *field.Path {
	if p.binding {
		return p.path
	}
	return p.path.Child("nodeName")
}

// decoded returns an iteration over the tolerations in a list. It decodes one at a time: a list may be as long as a request. The first
// one that cannot be decoded ends it, and is noted in failed.
func decoded(list []byte, failed *error) iter.Seq2[int, corev1.Toleration] {
	return func(yield func(int, corev1.Toleration) bool) {
		ended := false
		whole := limits.Elements(list, func(index int, text []byte) bool {
			toleration := corev1.Toleration{}
			if err := json.Unmarshal(text, &toleration); err != nil {
				*failed = fmt.Errorf("reading toleration %d: %w", index, err)
				return false
			}
			ended = !yield(index, toleration)
			return !ended
		})
		if !whole && !ended && *failed == nil {
			*failed = fmt.Errorf("the tolerations are not a list")
		}
	}
}

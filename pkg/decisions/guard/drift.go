package guard

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// Verb is what has to be done about one object.
type Verb string

// The verbs, from nothing to the hardest.
const (
	Keep    Verb = "keep"    // it is as it should be
	Apply   Verb = "apply"   // write it by server-side apply, which creates or restores it
	Replace Verb = "replace" // delete and apply it: it holds what an apply cannot take away
	Release Verb = "release" // it is being deleted but held back by finalizers: take those away
	Delete  Verb = "delete"  // it is ours and should not be there
)

// Drift is one difference between an object as it is and as it should be.
type Drift struct {
	Field string   // as a person would name it
	path  []string // as managedFields names it
}

// configMapDrift compares the existing ConfigMap with the wanted one and returns the repair.
func configMapDrift(want, have *corev1.ConfigMap) (Verb, []Drift) {
	verb, drifts := metaDrift(want, have)
	for _, key := range sortedKeys(want.Data) {
		if have.Data[key] != want.Data[key] {
			drifts = append(drifts, Drift{"data." + key, []string{"f:data", "f:" + key}})
		}
	}
	// An apply leaves alone what others own, and is refused by an immutable object.
	var stuck []Drift
	for _, key := range sortedKeys(have.Data) {
		if _, wanted := want.Data[key]; !wanted {
			stuck = append(stuck, Drift{"data." + key, []string{"f:data", "f:" + key}})
		}
	}
	for _, key := range sortedKeys(have.BinaryData) {
		stuck = append(stuck, Drift{"binaryData." + key, []string{"f:binaryData", "f:" + key}})
	}
	if have.Immutable != nil && *have.Immutable {
		stuck = append(stuck, Drift{"immutable", []string{"f:immutable"}})
	}
	if len(stuck) > 0 && verb == Keep {
		verb = Replace
	}
	return atLeastApply(verb, append(drifts, stuck...))
}

// networkPolicyDrift compares the existing NetworkPolicy with the wanted one and returns the repair.
func networkPolicyDrift(want, have *networkingv1.NetworkPolicy) (Verb, []Drift) {
	verb, drifts := metaDrift(want, have)
	if !equality.Semantic.DeepEqual(want.Spec, have.Spec) {
		drifts = append(drifts, Drift{"spec", []string{"f:spec"}})
	}
	return atLeastApply(verb, drifts)
}

// metaDrift looks at what both kinds have. Labels and annotations that others add are theirs to add.
func metaDrift(want, have metav1.Object) (Verb, []Drift) {
	if have.GetDeletionTimestamp() != nil {
		return Release, []Drift{{"metadata.finalizers", []string{"f:metadata", "f:finalizers"}}}
	}
	var drifts []Drift
	if have.GetLabels()[apis.LabelManagedBy] != apis.ControllerName {
		drifts = append(drifts, Drift{"metadata.labels", []string{"f:metadata", "f:labels", "f:" + apis.LabelManagedBy}})
	}
	for _, owner := range want.GetOwnerReferences() {
		if !slices.ContainsFunc(have.GetOwnerReferences(), func(o metav1.OwnerReference) bool {
			return equality.Semantic.DeepEqual(o, owner)
		}) {
			drifts = append(drifts, Drift{"metadata.ownerReferences", []string{"f:metadata", "f:ownerReferences"}})
		}
	}
	return Keep, drifts
}

func atLeastApply(verb Verb, drifts []Drift) (Verb, []Drift) {
	if verb == Keep && len(drifts) > 0 {
		return Apply, drifts
	}
	return verb, drifts
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

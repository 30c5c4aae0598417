package leastpriv

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// Changed returns what of a stored policy is not as wanted. Empty and absent lists are the same: the API server stores the latter. Labels
// and annotations that others add are theirs to add.
func Changed(want, have *networkingv1.NetworkPolicy) []string {
	var changed []string
	if !equality.Semantic.DeepEqual(want.Spec, have.Spec) {
		changed = append(changed, "spec")
	}
	if !contains(have.Labels, want.Labels) {
		changed = append(changed, "labels")
	}
	_, selects := want.Annotations[AnnotationSelects]
	_, selected := have.Annotations[AnnotationSelects]
	if !contains(have.Annotations, want.Annotations) || selects != selected {
		changed = append(changed, "annotations")
	}
	if !equality.Semantic.DeepEqual(want.OwnerReferences, have.OwnerReferences) {
		changed = append(changed, "ownerReferences")
	}
	return changed
}

func contains(have, want map[string]string) bool {
	for key, value := range want {
		if present, there := have[key]; !there || present != value {
			return false
		}
	}
	return true
}

// Updated returns the stored policy with what is wanted; it keeps labels and annotations of others.
func Updated(want, have *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	updated, wanted := have.DeepCopy(), want.DeepCopy()
	updated.Spec, updated.OwnerReferences = wanted.Spec, wanted.OwnerReferences
	updated.Labels = merged(updated.Labels, wanted.Labels)
	delete(updated.Annotations, AnnotationSelects)
	updated.Annotations = merged(updated.Annotations, wanted.Annotations)
	return updated
}

func merged(have, want map[string]string) map[string]string {
	if have == nil {
		have = map[string]string{}
	}
	for key, value := range want {
		have[key] = value
	}
	return have
}

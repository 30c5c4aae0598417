package guard

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Step is what has to be done about one object, and why.
type Step struct {
	Verb   Verb
	Drifts []Drift // empty for Keep, for Delete, and for an Apply that creates
}

// ConfigMapStep compares what a namespace should have (nil: nothing) with what it has (nil: nothing).
func ConfigMapStep(want, have *corev1.ConfigMap) Step {
	if want == nil || have == nil {
		return presenceStep(want != nil, have != nil && ours(have))
	}
	verb, drifts := configMapDrift(want, have)
	return Step{verb, drifts}
}

// NetworkPolicyStep is ConfigMapStep for the NetworkPolicy.
func NetworkPolicyStep(want, have *networkingv1.NetworkPolicy) Step {
	if want == nil || have == nil {
		return presenceStep(want != nil, have != nil && ours(have))
	}
	verb, drifts := networkPolicyDrift(want, have)
	return Step{verb, drifts}
}

// presenceStep never deletes an object that another client created, even if it has our name.
func presenceStep(wanted, ours bool) Step {
	switch {
	case wanted:
		return Step{Verb: Apply}
	case ours:
		return Step{Verb: Delete}
	default:
		return Step{Verb: Keep}
	}
}

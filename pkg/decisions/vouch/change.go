package vouch

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// Change puts the verdict into a Node and reports whether that changes it. The taint, if one is given, is taken off a node
// that is offered, and put on a node whose offer ends: a node that was never offered is not the controller's to taint.
func Change(n *corev1.Node, v Verdict, taint *corev1.Taint) bool {
	label, labelled := n.Labels[apis.LabelEnforced]
	changed := false
	switch {
	case v.Offer && label != apis.EnforcedTrue:
		if n.Labels == nil {
			n.Labels = map[string]string{}
		}
		n.Labels[apis.LabelEnforced] = apis.EnforcedTrue
		changed = true
	case !v.Offer && labelled:
		delete(n.Labels, apis.LabelEnforced)
		changed = true
	}
	if taint == nil {
		return changed
	}
	same := func(t corev1.Taint) bool { return t.MatchTaint(taint) }
	switch tainted := slices.ContainsFunc(n.Spec.Taints, same); {
	case v.Offer && tainted:
		n.Spec.Taints = slices.DeleteFunc(slices.Clone(n.Spec.Taints), same)
		return true
	case !v.Offer && labelled && !tainted:
		n.Spec.Taints = append(slices.Clone(n.Spec.Taints), *taint)
	}
	return changed
}

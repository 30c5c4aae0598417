package guestnet

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// system returns the namespaces of Kubernetes and of Liqo. They are selected only by their names.
func system() []string { return []string{"kube-node-lease", "kube-public", "kube-system", "liqo"} }

// namespaces narrows a selector of namespaces: never the installation's own nor Liqo's tenant namespaces; those of Kubernetes and Liqo only if
// it names them by kubernetes.io/metadata.name; other guests' only if it names the label liqo.io/remote-cluster-id.
func (c Cluster) namespaces(s *v1alpha1.Selector) *metav1.LabelSelector {
	if s == nil {
		return nil
	}
	out := s.LabelSelector()
	excluded := []string{c.Installation}
	if !requires(*s, corev1.LabelMetadataName, metav1.LabelSelectorOpIn) {
		excluded = append(excluded, system()...)
	}
	slices.Sort(excluded)
	without := apis.LabelRemoteCluster
	if requires(*s, apis.LabelRemoteCluster, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpExists) {
		without = apis.LabelTenantNamespace
	}
	out.MatchExpressions = append(out.MatchExpressions,
		metav1.LabelSelectorRequirement{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: excluded},
		metav1.LabelSelectorRequirement{Key: without, Operator: metav1.LabelSelectorOpDoesNotExist},
	)
	return out
}

// requires reports whether a selector requires a label by one of these operators, or its value, so that its author had it in mind.
func requires(s v1alpha1.Selector, key string, operators ...metav1.LabelSelectorOperator) bool {
	if _, set := s.MatchLabels[key]; set {
		return true
	}
	return slices.ContainsFunc(s.MatchExpressions, func(r v1alpha1.Requirement) bool {
		return string(r.Key) == key && slices.Contains(operators, r.Operator)
	})
}

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"data-space.liqo.io/pkg/values/apis"
)

// GuestNamespaces selects the namespaces that bear Liqo's label of a guest, whatever its value.
func GuestNamespaces() labels.Selector {
	labelled, err := labels.NewRequirement(apis.LabelRemoteCluster, selection.Exists, nil)
	if err != nil {
		return labels.Nothing() // no label has that name
	}
	return labels.NewSelector().Add(*labelled)
}

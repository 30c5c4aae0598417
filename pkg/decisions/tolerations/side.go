package tolerations

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// Side names the party whose right is checked for an object of a namespace.
type Side int

const (
	// Authors is the side of the Hospital's own namespaces: the right of the object's author is checked.
	Authors Side = iota
	// Guests is the side of a guest's namespaces: the right of the guest is checked, also for objects that others write.
	Guests
	// Exempt is the side of Liqo's own namespaces for guests, and of the namespaces that run the cluster: no right is checked there.
	Exempt
)

// ExemptNamespace reports whether a namespace runs the cluster, or is one of more, so that its labels need not be read.
func ExemptNamespace(namespace string, more []string) bool {
	return namespace == metav1.NamespaceSystem || namespace == apis.SystemNamespace || slices.Contains(more, namespace)
}

// SideOf returns the side of a namespace with these settled labels (apis.Settled), and for Guests the guest's cluster id, which may be empty.
func SideOf(labels map[string]string) (side Side, guest string) {
	guest, named := labels[apis.LabelRemoteCluster]
	switch {
	case apis.IsForeign(labels):
		return Guests, guest
	case named:
		return Exempt, ""
	}
	return Authors, ""
}

// In returns the subject as that of a namespace of its guest: a guest without a cluster id is named after the namespace.
func (s Subject) In(namespace, guest string) Subject {
	s.Guest = cmp.Or(guest, namespace)
	return s
}

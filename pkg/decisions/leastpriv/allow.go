package leastpriv

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// allowed narrows a peer of a guest's pods to what the Hospital's own policy of the guest's namespace allows, which is
// guard.NetworkPolicy: a namespace with the label, pods with the label in a namespace that is no guest's, and the guest's own.
// It returns false if nothing is left. namespace is the guest's.
func (w World) allowed(namespace string, o opening) (opening, bool) {
	if o.pods == nil {
		return opening{}, false
	}
	if o.namespace == namespace {
		return marked(o)
	}
	own, peer := w.Namespaces[namespace].Labels, w.Namespaces[o.namespace].Labels
	if peer[apis.LabelNetpolAllow] == "true" {
		return o, true
	}
	guest, isGuests := peer[apis.LabelRemoteCluster]
	if !isGuests || guest != "" && guest == own[apis.LabelRemoteCluster] {
		return marked(o)
	}
	return opening{}, false
}

func marked(o opening) (opening, bool) {
	narrowed, ok := with(o.pods, apis.LabelNetpolAllow, "true")
	o.pods = narrowed
	return o, ok
}

// notForeign selects the namespaces of no guest.
func notForeign() metav1.LabelSelectorRequirement {
	return metav1.LabelSelectorRequirement{Key: apis.LabelRemoteCluster, Operator: metav1.LabelSelectorOpDoesNotExist}
}

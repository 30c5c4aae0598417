package apis

import (
	"maps"
	"strings"
)

// Settled returns the labels by which a namespace with this metadata is judged. All programs read a namespace's labels through it.
//
// Liqo writes LabelRemoteCluster once and never restores it, so a namespace has two more witnesses: LabelGuest, which only the
// controller writes, and AnnotationNamespaceMap, which Liqo keeps. Where a witness names a guest, Settled returns the labels as they
// are on a namespace of that guest, whatever has become of Liqo's own labels. LabelGuest counts more than Liqo's label, and Liqo's label more than
// its annotation. Settled does not change its arguments.
func Settled(labels, annotations map[string]string) map[string]string {
	guest, witnessed := labels[LabelGuest]
	if !witnessed {
		guest, witnessed = mapped(labels, annotations)
	}
	present, labelled := labels[LabelRemoteCluster]
	_, tenant := labels[LabelTenantNamespace]
	if !witnessed || labelled && present == guest && !tenant {
		return labels
	}
	settled := make(map[string]string, len(labels)+1)
	maps.Copy(settled, labels)
	settled[LabelRemoteCluster] = guest
	delete(settled, LabelTenantNamespace)
	return settled
}

// mapped returns the guest of a namespace that Liqo's annotation shows as one of its NamespaceMaps'. The annotation names the NamespaceMap,
// which is in the guest's tenant namespace and bears the Hospital's own cluster id: the name of the tenant namespace tells the guest, by
// Liqo's default. Where it does not, the guest has no id.
func mapped(labels, annotations map[string]string) (guest string, witnessed bool) {
	tenant, name, complete := strings.Cut(annotations[AnnotationNamespaceMap], "/")
	if _, released := annotations[AnnotationReleasedFrom]; !complete || tenant == "" || name == "" || released {
		return "", false
	}
	if guest, labelled := labels[LabelRemoteCluster]; labelled {
		return guest, true
	}
	guest, named := strings.CutPrefix(tenant, tenantNamespacePrefix)
	if !named || len(guest) > maxLabelValue {
		return "", true
	}
	return guest, true
}

// maxLabelValue is the length of the longest value that a label can have.
const maxLabelValue = 63

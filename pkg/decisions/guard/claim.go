package guard

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"data-space.liqo.io/pkg/values/apis"
)

// Witnesses is what shows whether a namespace is a guest's.
type Witnesses struct {
	Name                string
	Labels, Annotations map[string]string
	// Bound are the guests to which Liqo gives its rights in the namespace: see BoundGuests.
	Bound []string
}

// Act is what the controller does about a namespace's witnesses.
type Act string

// The acts.
const (
	NoAct   Act = ""
	Mark    Act = "Mark"    // write apis.LabelGuest
	Restore Act = "Restore" // write Liqo's labels as they are on a namespace of the marked guest
	Free    Act = "Free"    // the Hospital has released the namespace: remove the mark and Liqo's label
)

// Claim is an act, and for which guest.
type Claim struct {
	Act                 Act
	Guest               string
	Labels, Annotations map[string]any // as in a merge patch (RFC 7396): nil removes
	Note                string         // the text of the Event
}

// Patch returns the merge patch of a namespace that is of this resourceVersion. What the claim does not name is not in it: a null would remove
// all labels, or all annotations.
func (c Claim) Patch(resourceVersion string) map[string]any {
	metadata := map[string]any{"resourceVersion": resourceVersion}
	if len(c.Labels) > 0 {
		metadata["labels"] = c.Labels
	}
	if len(c.Annotations) > 0 {
		metadata["annotations"] = c.Annotations
	}
	return map[string]any{"metadata": metadata}
}

// ClaimOf decides which one act comes next. The mark is written by itself, before Liqo's label is restored: admission judges the name of a
// namespace that becomes a guest's, and does not judge one that is marked.
func ClaimOf(w Witnesses) Claim {
	guest, marked := w.Labels[apis.LabelGuest]
	from, released := w.Annotations[apis.AnnotationReleasedFrom]
	switch {
	case w.Name == metav1.NamespaceSystem || w.Name == apis.SystemNamespace:
		return Claim{} // never guarded, independent of their labels
	case marked && released && from == guest:
		return free(w, guest)
	case marked:
		return restore(w, guest)
	}
	guest, found := claimant(w)
	if !found {
		return Claim{}
	}
	claim := Claim{Act: Mark, Guest: guest, Labels: map[string]any{apis.LabelGuest: guest}}
	if released { // it is a guest's again
		claim.Annotations = map[string]any{apis.AnnotationReleasedFrom: nil}
	}
	return claim
}

// claimant returns the guest of a namespace that is not marked.
func claimant(w Witnesses) (guest string, found bool) {
	guest, labelled := w.Labels[apis.LabelRemoteCluster]
	_, tenant := w.Labels[apis.LabelTenantNamespace]
	_, released := w.Annotations[apis.AnnotationReleasedFrom]
	settled := apis.Settled(w.Labels, w.Annotations)
	switch {
	case labelled && !tenant:
		return guest, true
	case released, tenant && !apis.IsForeign(settled):
		return "", false
	case len(w.Bound) > 0:
		return w.Bound[0], true
	}
	return apis.Guest(settled), apis.IsForeign(settled)
}

// restore returns the labels that make the namespace the guest's again, and the annotation that reports why. Nothing is to do if they are as they
// should be.
func restore(w Witnesses, guest string) Claim {
	labels, lost := map[string]any{}, []string{}
	if value, labelled := w.Labels[apis.LabelRemoteCluster]; !labelled {
		lost = append(lost, "label "+apis.LabelRemoteCluster+" was missing")
	} else if value != guest {
		lost = append(lost, fmt.Sprintf("label %s was %q", apis.LabelRemoteCluster, value))
	}
	if len(lost) > 0 {
		labels[apis.LabelRemoteCluster] = guest
	}
	if _, tenant := w.Labels[apis.LabelTenantNamespace]; tenant {
		lost = append(lost, "label "+apis.LabelTenantNamespace+" had been added")
		labels[apis.LabelTenantNamespace] = nil
	}
	if len(lost) == 0 {
		return Claim{}
	}
	note := fmt.Sprintf("%s; restored, since the namespace is one of guest %q, whose pods stay contained. If it is the Hospital's own, release it: "+
		"kubectl annotate namespace %s %s=%s", strings.Join(lost, ", "), guest, w.Name, apis.AnnotationReleasedFrom, guest)
	return Claim{Act: Restore, Guest: guest, Labels: labels, Annotations: map[string]any{apis.AnnotationLabelLost: note}, Note: note}
}

func free(w Witnesses, guest string) Claim {
	labels := map[string]any{apis.LabelGuest: nil, apis.LabelSuspended: nil}
	if value, labelled := w.Labels[apis.LabelRemoteCluster]; labelled && (value == guest || value == "") {
		labels[apis.LabelRemoteCluster] = nil
	}
	return Claim{
		Act: Free, Guest: guest, Labels: labels,
		Annotations: map[string]any{apis.AnnotationServiceTypes: nil, apis.AnnotationLabelLost: nil},
		Note:        fmt.Sprintf("the Hospital has released the namespace from guest %q: its pods are not contained any more", guest),
	}
}

// BoundGuests returns the guests, sorted, that RoleBindings of one namespace bind to Liqo's role for guests: the groups that can be a cluster id.
func BoundGuests(bindings []rbacv1.RoleBinding) []string {
	var guests []string
	for _, b := range bindings {
		if b.RoleRef.Kind != "ClusterRole" || b.RoleRef.Name != apis.RemoteClusterRole {
			continue
		}
		for _, s := range b.Subjects {
			if s.Kind == rbacv1.GroupKind && s.Name != "" && len(validation.IsValidLabelValue(s.Name)) == 0 {
				guests = append(guests, s.Name)
			}
		}
	}
	slices.Sort(guests)
	return slices.Compact(guests)
}

package inject

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// nodeLabels returns the labels of the nodes to which pods are scheduled: those with a ready agent, and of these the guest's.
func (s Settings) nodeLabels() map[string]string {
	wanted := maps.Clone(s.NodeSelector)
	if s.AnyNode {
		return wanted
	}
	if wanted == nil {
		wanted = map[string]string{}
	}
	wanted[apis.LabelEnforced] = apis.EnforcedTrue
	return wanted
}

// addNodeSelector has the pod scheduled to these nodes only. A nodeSelector holds besides whatever affinity the pod names; package admit
// refuses another value.
func addNodeSelector(p *patch, present, wanted map[string]string, at *field.Path) {
	missing := maps.Clone(wanted)
	for key := range present {
		delete(missing, key)
	}
	if len(present) == 0 && len(missing) > 0 {
		p.add(pointer(at), missing)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(missing)) {
		p.add(pointer(at)+"/"+escape(key), missing[key])
	}
}

// missingNodeSelector returns that a pod may be scheduled to other nodes.
func missingNodeSelector(present map[string]string, s Settings, at *field.Path) field.ErrorList {
	var problems field.ErrorList
	wanted := s.nodeLabels()
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if value, set := present[key]; !set || value != wanted[key] {
			problems = append(problems, field.Forbidden(at, key+": the selector that Data Spacer adds is missing; see that its MutatingWebhookConfiguration "+
				"is there and that no other webhook changes the pod after it, or create the pod again if the guest's GuestPolicy has just changed"))
		}
	}
	return problems
}

package inject

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// addNodeSelector has the pod scheduled to nodes whose agent is ready. A nodeSelector holds besides whatever affinity the
// pod names; package admit refuses another value.
func addNodeSelector(p *patch, present map[string]string, at *field.Path) {
	if _, set := present[apis.LabelEnforced]; set {
		return
	}
	if len(present) == 0 {
		p.add(pointer(at), map[string]string{apis.LabelEnforced: apis.EnforcedTrue})
		return
	}
	p.add(pointer(at)+"/"+escape(apis.LabelEnforced), apis.EnforcedTrue)
}

// missingNodeSelector returns that a pod may be scheduled anywhere.
func missingNodeSelector(present map[string]string, s Settings, at *field.Path) field.ErrorList {
	if s.AnyNode || present[apis.LabelEnforced] == apis.EnforcedTrue {
		return nil
	}
	return field.ErrorList{field.Forbidden(at, apis.LabelEnforced+": the selector that Data Spacer adds is missing; "+
		"see that its MutatingWebhookConfiguration is there and that no other webhook changes the pod after it")}
}

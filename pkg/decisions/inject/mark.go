package inject

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/gate"
)

// markPath is where a pod says whose it is.
func markPath() *field.Path {
	return field.NewPath("metadata", "annotations").Key(gate.AnnotationGuest)
}

// judgeMark refuses a pod that names another guest than its namespace does.
func judgeMark(annotations map[string]string, guest string) field.ErrorList {
	if named, set := annotations[gate.AnnotationGuest]; set && named != guest {
		return field.ErrorList{field.Forbidden(markPath(), fmt.Sprintf("the namespace is guest %q's; remove it, it is added by itself", guest))}
	}
	return nil
}

// addMark writes the guest into the pod's annotations: by this annotation a node that reaches neither agent nor API server does not start the pod.
func addMark(p *patch, annotations map[string]string, guest string) {
	if _, set := annotations[gate.AnnotationGuest]; set {
		return
	}
	if len(annotations) == 0 {
		p.add("/metadata/annotations", map[string]string{gate.AnnotationGuest: guest})
		return
	}
	p.add("/metadata/annotations/"+escape(gate.AnnotationGuest), guest)
}

// missingMark returns that a pod does not say whose it is.
func missingMark(annotations map[string]string) field.ErrorList {
	if _, set := annotations[gate.AnnotationGuest]; set {
		return nil
	}
	return field.ErrorList{field.Forbidden(markPath(), "the annotation that Data Spacer sets is missing; "+
		"see that its MutatingWebhookConfiguration is there and that no other webhook changes the pod after it")}
}

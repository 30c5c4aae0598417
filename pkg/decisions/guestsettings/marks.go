package guestsettings

import (
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Marks are what the namespaces of a guest bear of its settings, so that agents and the API server's own policies know them without
// reading a GuestPolicy.
type Marks struct {
	Suspended    bool
	ServiceTypes string // as apis.AnnotationServiceTypes has them
}

// MarksOf returns the marks of a guest with these settings.
func MarksOf(spec v1alpha1.GuestPolicySpec) Marks {
	m := Marks{Suspended: spec.State == v1alpha1.Suspended}
	if spec.Workload == nil {
		return m
	}
	var types []string
	for _, t := range spec.Workload.ServiceTypes {
		if t != "ClusterIP" {
			types = append(types, string(t))
		}
	}
	if spec.Workload.Mode == v1alpha1.Audit {
		types = []string{"LoadBalancer", "NodePort"}
	}
	slices.Sort(types)
	m.ServiceTypes = strings.Join(types, ",")
	return m
}

// MarksIn returns the marks that a namespace bears.
func MarksIn(labels, annotations map[string]string) Marks {
	return Marks{Suspended: labels[apis.LabelSuspended] == "true", ServiceTypes: annotations[apis.AnnotationServiceTypes]}
}

// Patch returns the metadata that gives a namespace these marks, as a merge patch (RFC 7396).
func (m Marks) Patch() map[string]any {
	var suspended, types any // null removes
	if m.Suspended {
		suspended = "true"
	}
	if m.ServiceTypes != "" {
		types = m.ServiceTypes
	}
	return map[string]any{
		"labels":      map[string]any{apis.LabelSuspended: suspended},
		"annotations": map[string]any{apis.AnnotationServiceTypes: types},
	}
}

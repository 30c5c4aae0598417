package leastpriv

import (
	"fmt"

	"data-space.liqo.io/pkg/values/apis"
)

// Switch says in which namespaces workloads get policies.
type Switch struct {
	// All turns them on in every namespace that is no guest's and does not say otherwise.
	All bool
	// Mode is that of namespaces that do not ask for another.
	Mode Mode
	// Excluded are namespaces that are always off.
	Excluded map[string]bool
}

// Of returns a namespace's mode, and a problem if its labels ask for something that is not done.
func (s Switch) Of(name string, labels map[string]string) (Mode, string) {
	value, asked := labels[apis.LabelWorkloadNetpol]
	mode, known := Off, true
	switch value {
	case "true":
		mode = s.Mode
	case "audit":
		mode = Audit
	case "false":
	default:
		known = !asked
		if s.All && !apis.IsForeign(labels) {
			mode = s.Mode
		}
	}
	_, tenant := labels[apis.LabelTenantNamespace]
	switch {
	case !known:
		return s.closed(name, labels, mode), fmt.Sprintf("label %s=%q is not understood: use \"true\", \"audit\" or \"false\"", apis.LabelWorkloadNetpol, value)
	case (s.Excluded[name] || tenant) && asked && mode != Off:
		return Off, fmt.Sprintf("label %s=%q has no effect: the namespace is excluded by --workload-netpol-exclude, or is a tenant namespace of Liqo", apis.LabelWorkloadNetpol, value)
	case asked && mode != Off && withoutGuard(labels):
		return Off, fmt.Sprintf("label %s=%q has no effect: %s=false leaves the namespace without the policy that is narrowed", apis.LabelWorkloadNetpol, value, apis.LabelApplyNetpol)
	default:
		return s.closed(name, labels, mode), ""
	}
}

func (s Switch) closed(name string, labels map[string]string, mode Mode) Mode {
	if _, tenant := labels[apis.LabelTenantNamespace]; s.Excluded[name] || tenant || withoutGuard(labels) {
		return Off
	}
	return mode
}

// withoutGuard reports whether a guest's namespace has no policy of the Hospital's.
func withoutGuard(labels map[string]string) bool {
	return apis.IsForeign(labels) && labels[apis.LabelApplyNetpol] == "false"
}

package inject

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// seccomp is the profile that every container of a foreign pod gets: ours, or the runtime's own.
func (s Settings) seccomp() *corev1.SeccompProfile {
	if s.SeccompProfile == "" {
		return &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}
	name := s.SeccompProfile
	return &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: &name}
}

// setSeccomp gives the pod the profile, and takes its place back from the runtime's own and from ours of another version. A
// profile of the node that the Hospital has granted stays.
func setSeccomp(p *patch, spec *corev1.PodSpec, s Settings, path *field.Path) {
	at := path.Child("securityContext")
	switch {
	case spec.SecurityContext == nil:
		p.add(pointer(at), map[string]any{"seccompProfile": s.seccomp()})
	case s.replaces(spec.SecurityContext.SeccompProfile, true):
		p.add(pointer(at.Child("seccompProfile")), s.seccomp())
	}
	for _, c := range tenantContainers(spec, path) {
		setContainerSeccomp(p, c, s)
	}
}

// setContainerSeccomp does the same for a container that names a profile. One that names none has its pod's.
func setContainerSeccomp(p *patch, c located, s Settings) {
	if c.SecurityContext != nil && s.replaces(c.SecurityContext.SeccompProfile, false) {
		p.add(pointer(c.path.Child("securityContext", "seccompProfile")), s.seccomp())
	}
}

// replaces reports whether a profile gives way to the one that the settings name.
func (s Settings) replaces(have *corev1.SeccompProfile, absent bool) bool {
	want := s.seccomp()
	switch {
	case have == nil:
		return absent
	case have.Type == corev1.SeccompProfileTypeRuntimeDefault:
		return want.Type != have.Type
	case have.Type == corev1.SeccompProfileTypeLocalhost && have.LocalhostProfile != nil:
		return strings.HasPrefix(*have.LocalhostProfile, apis.SeccompFolder+"/") && *have.LocalhostProfile != s.SeccompProfile
	}
	return false
}

// missingSeccomp returns which part of a pod does not have the profile that Inject gives it.
func missingSeccomp(spec *corev1.PodSpec, s Settings, path *field.Path) field.ErrorList {
	const message = "the seccomp profile that Data Spacer sets is missing; another webhook has changed the pod after Data Spacer, exempt foreign namespaces there"
	var problems field.ErrorList
	if spec.SecurityContext == nil || s.replaces(spec.SecurityContext.SeccompProfile, true) {
		problems = append(problems, field.Forbidden(path.Child("securityContext", "seccompProfile"), message))
	}
	for _, c := range tenantContainers(spec, path) {
		if c.SecurityContext != nil && s.replaces(c.SecurityContext.SeccompProfile, false) {
			problems = append(problems, field.Forbidden(c.path.Child("securityContext", "seccompProfile"), message))
		}
	}
	return problems
}

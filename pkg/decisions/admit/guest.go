package admit

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// For returns the settings of one guest: what the Hospital's GuestPolicies say, and s where they say nothing. setters has the name of the
// GuestPolicy that sets a field, by the field's path (guestsettings.Setters).
func (s Settings) For(guest string, policy v1alpha1.GuestPolicySpec, setters map[string]string) Settings {
	s.guest, s.setters = guest, setters
	if policy.State == v1alpha1.Suspended {
		s.SuspendedGuest = guest
	}
	if policy.Scheduling != nil {
		s.NodeSelector = policy.Scheduling.NodeSelector
	}
	w := policy.Workload
	if w == nil {
		return s
	}
	if w.PodSecurity != "" {
		s.PodSecurity = Level(w.PodSecurity)
	}
	s.RuntimeClasses = names(s.RuntimeClasses, w.RuntimeClasses)
	s.Devices = names(s.Devices, w.Devices)
	s.SeccompProfiles = names(s.SeccompProfiles, w.SeccompProfiles)
	s.PriorityClasses = names(s.PriorityClasses, w.PriorityClasses)
	s.StorageClasses = names(s.StorageClasses, w.StorageClasses)
	s.IngressClasses = names(s.IngressClasses, w.IngressClasses)
	s.ServiceTypes = names(s.ServiceTypes, w.ServiceTypes)
	s.NodePorts = portRanges(w.NodePorts)
	if w.EndpointNetworks != nil {
		s.EndpointNetworks = networks(w.EndpointNetworks)
	}
	s.NoExec = w.Exec == v1alpha1.Denied
	s.NoPortForward = w.PortForward == v1alpha1.Denied
	s.Audit = w.Mode == v1alpha1.Audit
	return s
}

// Audited returns the settings by which a guest's objects are refused while its section workload is in mode Audit: without the rules that
// mode Audit reports only. What could bypass the proxy is refused by them as well.
func (s Settings) Audited() Settings {
	s.PodSecurity = Baseline
	s.AnyIngressClass = true
	s.ServiceTypes = []corev1.ServiceType{corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer}
	s.StorageClasses = nil
	s.NoExec, s.NoPortForward = false, false
	return s
}

// Strictest returns settings that grant nothing: what they do not refuse, no settings refuse.
func (s Settings) Strictest() Settings {
	return Settings{
		PodSecurity: Restricted, StorageClasses: []string{""}, NoExec: true, NoPortForward: true, SuspendedGuest: "?", standards: s.standards,
	}
}

// names returns the list of the policy, or that of the flags where the policy has none.
func names[A, B ~string](flags []A, policy []B) []A {
	if policy == nil {
		return flags
	}
	list := make([]A, 0, len(policy))
	for _, name := range policy {
		list = append(list, A(name))
	}
	return list
}

// networks leaves out what is not a network: it grants nothing.
func networks(texts []v1alpha1.CIDR) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range texts {
		if prefix, err := netip.ParsePrefix(string(text)); err == nil {
			list = append(list, prefix.Masked())
		}
	}
	return list
}

// Package guestsettings decides what holds for a guest: each field as its own GuestPolicy says, or else the GuestPolicy "default". What
// both leave out is left to the flags of the program that asks.
package guestsettings

import "data-space.liqo.io/pkg/values/v1alpha1"

// Merge returns base with the fields that own sets. A list of own replaces the list of base, also with an empty one.
// The result shares lists with its arguments: do not change it.
func Merge(base, own v1alpha1.GuestPolicySpec) v1alpha1.GuestPolicySpec {
	return v1alpha1.GuestPolicySpec{
		State:             text(base.State, own.State),
		SuspendWithTenant: text(base.SuspendWithTenant, own.SuspendWithTenant),
		Workload:          section(base.Workload, own.Workload, workload),
		Scheduling:        section(base.Scheduling, own.Scheduling, scheduling),
		Network:           section(base.Network, own.Network, network),
		Visibility:        section(base.Visibility, own.Visibility, visibility),
	}
}

// section merges two sections of which both may be absent.
func section[T any](base, own *T, merge func(base, own T) T) *T {
	switch {
	case own == nil:
		return base
	case base == nil:
		return own
	}
	merged := merge(*base, *own)
	return &merged
}

func workload(base, own v1alpha1.Workload) v1alpha1.Workload {
	return v1alpha1.Workload{
		Mode:             text(base.Mode, own.Mode),
		PodSecurity:      text(base.PodSecurity, own.PodSecurity),
		RuntimeClasses:   list(base.RuntimeClasses, own.RuntimeClasses),
		Devices:          list(base.Devices, own.Devices),
		SeccompProfiles:  list(base.SeccompProfiles, own.SeccompProfiles),
		PriorityClasses:  list(base.PriorityClasses, own.PriorityClasses),
		StorageClasses:   list(base.StorageClasses, own.StorageClasses),
		IngressClasses:   list(base.IngressClasses, own.IngressClasses),
		ServiceTypes:     list(base.ServiceTypes, own.ServiceTypes),
		NodePorts:        list(base.NodePorts, own.NodePorts),
		EndpointNetworks: list(base.EndpointNetworks, own.EndpointNetworks),
		Exec:             text(base.Exec, own.Exec),
		PortForward:      text(base.PortForward, own.PortForward),
	}
}

func scheduling(base, own v1alpha1.Scheduling) v1alpha1.Scheduling {
	selector := own.NodeSelector
	if selector == nil {
		selector = base.NodeSelector
	}
	return v1alpha1.Scheduling{Mode: text(base.Mode, own.Mode), NodeSelector: selector, Taints: list(base.Taints, own.Taints)}
}

func network(base, own v1alpha1.Network) v1alpha1.Network {
	return v1alpha1.Network{Egress: list(base.Egress, own.Egress), Ingress: list(base.Ingress, own.Ingress), HomeAPI: text(base.HomeAPI, own.HomeAPI)}
}

func visibility(base, own v1alpha1.Visibility) v1alpha1.Visibility {
	return v1alpha1.Visibility{
		Nodes:           list(base.Nodes, own.Nodes),
		StorageClasses:  list(base.StorageClasses, own.StorageClasses),
		IngressClasses:  list(base.IngressClasses, own.IngressClasses),
		PriorityClasses: list(base.PriorityClasses, own.PriorityClasses),
		RuntimeClasses:  list(base.RuntimeClasses, own.RuntimeClasses),
		Resources:       list(base.Resources, own.Resources),
		Subjects:        list(base.Subjects, own.Subjects),
	}
}

func text[T ~string](base, own T) T {
	if own == "" {
		return base
	}
	return own
}

func list[T any](base, own []T) []T {
	if own == nil {
		return base
	}
	return own
}

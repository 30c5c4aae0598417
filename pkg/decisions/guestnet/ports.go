package guestnet

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

const lastPort = 65535

// proxys returns the ports of a protocol on which the proxy in a pod listens, sorted.
func proxys(protocol corev1.Protocol) []int32 {
	var ports []int32
	switch protocol {
	case corev1.ProtocolTCP:
		for _, port := range apis.ProxyPorts() {
			ports = append(ports, int32(port))
		}
	case corev1.ProtocolUDP:
		ports = append(ports, int32(apis.PortDNS))
	case corev1.ProtocolSCTP:
	}
	slices.Sort(ports)
	return ports
}

// outward returns the ports of a destination. None is all ports.
func outward(ports []v1alpha1.Port) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for _, p := range ports {
		out = append(out, networkingv1.NetworkPolicyPort{Protocol: protocol(p), Port: p.Port, EndPort: p.EndPort})
	}
	return out
}

// inward returns the ports of the guest's pods without those of their proxies. It never returns none: that would be all ports.
func inward(ports []v1alpha1.Port) ([]networkingv1.NetworkPolicyPort, bool) {
	if len(ports) == 0 {
		ports = []v1alpha1.Port{{Protocol: corev1.ProtocolTCP}, {Protocol: corev1.ProtocolUDP}, {Protocol: corev1.ProtocolSCTP}}
	}
	var out []networkingv1.NetworkPolicyPort
	for _, p := range ports {
		if p.Port != nil && p.Port.Type == intstr.String {
			out = append(out, networkingv1.NetworkPolicyPort{Protocol: protocol(p), Port: p.Port})
			continue
		}
		first, last := int32(1), int32(lastPort)
		if p.Port != nil {
			first, last = p.Port.IntVal, ptr.Deref(p.EndPort, p.Port.IntVal)
		}
		out = append(out, without(p, first, last)...)
	}
	return out, len(out) > 0
}

// without splits a range of ports at those of the proxy.
func without(p v1alpha1.Port, first, last int32) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	add := func(first, last int32) {
		switch {
		case first > last:
		case first == 1 && last == lastPort:
			out = append(out, networkingv1.NetworkPolicyPort{Protocol: protocol(p)})
		case first == last:
			out = append(out, networkingv1.NetworkPolicyPort{Protocol: protocol(p), Port: ptr.To(intstr.FromInt32(first))})
		default:
			out = append(out, networkingv1.NetworkPolicyPort{Protocol: protocol(p), Port: ptr.To(intstr.FromInt32(first)), EndPort: &last})
		}
	}
	for _, taken := range proxys(*protocol(p)) {
		if first <= taken && taken <= last {
			add(first, taken-1)
			first = taken + 1
		}
	}
	add(first, last)
	return out
}

func protocol(p v1alpha1.Port) *corev1.Protocol {
	if p.Protocol == "" {
		return ptr.To(corev1.ProtocolTCP)
	}
	return &p.Protocol
}

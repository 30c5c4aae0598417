package netpolicy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Key names a namespaced object.
type Key struct{ Namespace, Name string }

// String is how messages and rules name it.
func (k Key) String() string { return k.Namespace + "/" + k.Name }

// Protocol is a transport protocol by the name that iptables and ipset give it.
type Protocol string

// The protocols of the API.
const (
	TCP  Protocol = "tcp"
	UDP  Protocol = "udp"
	SCTP Protocol = "sctp"
)

// protocolOf reads the API's name of a protocol; ok is false for a protocol that we do not support.
func protocolOf(p corev1.Protocol) (protocol Protocol, ok bool) {
	switch p {
	case corev1.ProtocolTCP, "":
		return TCP, true
	case corev1.ProtocolUDP:
		return UDP, true
	case corev1.ProtocolSCTP:
		return SCTP, true
	}
	return "", false
}

// NamedPort is a container port that policies may call by its name.
type NamedPort struct {
	Name     string
	Protocol Protocol
	Number   uint16
}

// Namespace is a namespace, as far as policies see it.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Pod is a pod, as far as policies see it.
type Pod struct {
	Key
	Node    string
	Created int64 // Unix seconds
	Labels  map[string]string
	IPs     []netip.Addr // at most one of each family
	Ports   []NamedPort  // the first of each name and protocol counts

	HostNetwork bool // it has the node's addresses: neither target nor peer
	Finished    bool // Succeeded or Failed: its IP may already be another pod's
	Terminating bool // keeps its access until it is gone
}

// Judged reports whether policies say anything about the pod, as target or as peer.
func (p Pod) Judged() bool { return !p.HostNetwork && !p.Finished }

// Port resolves a port's name for connections to this pod.
func (p Pod) Port(name string, protocol Protocol) (number uint16, ok bool) {
	for _, port := range p.Ports {
		if port.Name == name && port.Protocol == protocol {
			return port.Number, true
		}
	}
	return 0, false
}

// Equal reports whether policies could not tell the two apart.
func (p Pod) Equal(q Pod) bool {
	return p.Key == q.Key && p.Node == q.Node && p.Created == q.Created &&
		p.HostNetwork == q.HostNetwork && p.Finished == q.Finished && p.Terminating == q.Terminating &&
		slices.Equal(p.IPs, q.IPs) && slices.Equal(p.Ports, q.Ports) && maps.Equal(p.Labels, q.Labels)
}

// PodOf reads a pod. The labels are shared with the object.
func PodOf(p *corev1.Pod) Pod {
	out := Pod{
		Key: Key{p.Namespace, p.Name}, Node: p.Spec.NodeName,
		Created: p.CreationTimestamp.Unix(), Labels: p.Labels, IPs: addressesOf(p.Status),
		HostNetwork: p.Spec.HostNetwork,
		Finished:    p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed,
		Terminating: p.DeletionTimestamp != nil,
	}
	for _, c := range p.Spec.Containers {
		out.Ports = appendPorts(out.Ports, c)
	}
	for _, c := range p.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			out.Ports = appendPorts(out.Ports, c)
		}
	}
	return out
}

func addressesOf(s corev1.PodStatus) []netip.Addr {
	texts := make([]string, 0, len(s.PodIPs)+1)
	for _, ip := range s.PodIPs {
		texts = append(texts, ip.IP)
	}
	return Addresses(texts, s.PodIP)
}

// Addresses reads a pod's podIPs, or its podIP where there are none. An IPv4 address that is mapped to IPv6 is the IPv4
// address.
func Addresses(podIPs []string, podIP string) []netip.Addr {
	if len(podIPs) == 0 && podIP != "" {
		podIPs = append(podIPs, podIP)
	}
	var out []netip.Addr
	for _, t := range podIPs {
		if a, err := netip.ParseAddr(strings.TrimSpace(t)); err == nil && !slices.Contains(out, a.Unmap()) {
			if out == nil {
				out = make([]netip.Addr, 0, len(podIPs))
			}
			out = append(out, a.Unmap())
		}
	}
	return out
}

func appendPorts(ports []NamedPort, c corev1.Container) []NamedPort {
	for _, p := range c.Ports {
		ports = AppendPort(ports, p.Name, p.Protocol, p.ContainerPort)
	}
	return ports
}

// AppendPort appends a container's port, if a policy can name it.
func AppendPort(ports []NamedPort, name string, protocol corev1.Protocol, number int32) []NamedPort {
	known, ok := protocolOf(protocol)
	if name == "" || !ok || number < 1 || number > 65535 {
		return ports
	}
	return append(ports, NamedPort{Name: name, Protocol: known, Number: uint16(number)})
}

package leastpriv

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const externalNameHops = 4

type key struct{ namespace, name string }

// index finds what names stand for.
type index struct {
	World
	services map[key]*corev1.Service
	slices   map[key][]*discoveryv1.EndpointSlice
	pods     map[netip.Addr]Pod
	byNS     map[string][]*Workload
	// servicesOf has the Services of each namespace.
	servicesOf map[string][]*corev1.Service
	// selectors are those of the workloads that have one.
	selectors map[*Workload]labels.Selector
	// matches remembers the workloads that a set of labels selects.
	matches map[string][]*Workload
}

// newIndex orders a world by what names are resolved by. A pod whose labels are not here (Unread) is not found by its addresses: it is not
// known which workload it belongs to.
func newIndex(w World) *index {
	x := &index{
		World: w, services: map[key]*corev1.Service{}, slices: map[key][]*discoveryv1.EndpointSlice{},
		pods: map[netip.Addr]Pod{}, byNS: map[string][]*Workload{}, matches: map[string][]*Workload{}, servicesOf: map[string][]*corev1.Service{}, selectors: map[*Workload]labels.Selector{},
	}
	for _, s := range w.Services {
		x.services[key{s.Namespace, s.Name}] = s
		x.servicesOf[s.Namespace] = append(x.servicesOf[s.Namespace], s)
	}
	for _, s := range w.Slices {
		k := key{s.Namespace, s.Labels[discoveryv1.LabelServiceName]}
		x.slices[k] = append(x.slices[k], s)
	}
	for _, p := range w.Pods {
		if p.Unread {
			continue
		}
		for _, a := range p.Addresses {
			x.pods[a] = p
		}
	}
	for i := range w.Workloads {
		one := &w.Workloads[i]
		x.byNS[one.Namespace] = append(x.byNS[one.Namespace], one)
		if one.Selector == nil {
			continue
		}
		if selector, err := metav1.LabelSelectorAsSelector(one.Selector); err == nil {
			x.selectors[one] = selector
		} else {
			x.selectors[one] = labels.Nothing()
		}
	}
	return x
}

// resolve returns the peers that a name stands for, and a reason if there is something to say about it.
func (x *index) resolve(name Name, hops int) ([]opening, string) {
	if name.Pod != "" {
		return x.resolvePod(name), ""
	}
	s, there := x.services[key{name.Namespace, name.Service}]
	switch {
	case !there:
		return nil, ""
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		return x.resolveExternal(s, name, hops)
	case len(s.Spec.Selector) > 0:
		ports, ok := servicePorts(s, name)
		if !ok {
			return nil, fmt.Sprintf("Service %s/%s has no port %d", s.Namespace, s.Name, name.Port)
		}
		return []opening{{
			namespace: s.Namespace, pods: &metav1.LabelSelector{MatchLabels: s.Spec.Selector}, of: s.Spec.Selector, ports: ports,
			why: fmt.Sprintf("Service %s/%s", s.Namespace, s.Name),
		}}, ""
	default:
		return x.resolveSlices(s, name), ""
	}
}

// resolveExternal follows a name that stands for another. A guest's Service leads to names of its own namespace only.
func (x *index) resolveExternal(s *corev1.Service, name Name, hops int) ([]opening, string) {
	note := fmt.Sprintf("Service %s/%s is an alias of %s, which a NetworkPolicy cannot select", s.Namespace, s.Name, clip(s.Spec.ExternalName))
	if hops == 0 {
		return nil, note
	}
	for _, next := range names(s.Spec.ExternalName, s.Namespace, x.ClusterDomain, false) {
		if x.Namespaces[s.Namespace].foreign() && next.Namespace != s.Namespace {
			continue
		}
		next.Port, next.Implied = name.Port, name.Implied
		return x.resolve(next, hops-1)
	}
	return nil, note
}

// servicePorts returns the ports of the pods for the ports of the Service that the name means.
func servicePorts(s *corev1.Service, name Name) ([]networkingv1.NetworkPolicyPort, bool) {
	meant := meantPorts(s, name)
	if len(meant) == 0 {
		if s.Spec.ClusterIP == corev1.ClusterIPNone && name.Port != 0 && !name.Implied { // nothing translates ports on the way
			return []networkingv1.NetworkPolicyPort{policyPort(corev1.ProtocolTCP, intstr.FromInt32(int32(name.Port)))}, true
		}
		return nil, false
	}
	var ports []networkingv1.NetworkPolicyPort
	for _, p := range meant {
		target := p.TargetPort
		if target == (intstr.IntOrString{}) || target.Type == intstr.String && target.StrVal == "" {
			target = intstr.FromInt32(p.Port)
		}
		ports = append(ports, policyPort(p.Protocol, target))
	}
	return ports, true
}

// meantPorts returns the Service's ports of the name's number; all if it has none, or only its scheme's, which the Service lacks.
func meantPorts(s *corev1.Service, name Name) []corev1.ServicePort {
	if name.Port == 0 {
		return s.Spec.Ports
	}
	meant := slices.DeleteFunc(slices.Clone(s.Spec.Ports), func(p corev1.ServicePort) bool { return p.Port != int32(name.Port) })
	if len(meant) == 0 && name.Implied {
		return s.Spec.Ports
	}
	return meant
}

func policyPort(protocol corev1.Protocol, port intstr.IntOrString) networkingv1.NetworkPolicyPort {
	if protocol == "" {
		protocol = corev1.ProtocolTCP
	}
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &port}
}

// resolveSlices returns the endpoints of a Service without a selector: pods by their labels, others by address.
func (x *index) resolveSlices(s *corev1.Service, name Name) []opening {
	meant := map[string]bool{}
	for _, p := range meantPorts(s, name) {
		meant[p.Name] = true
	}
	var found []opening
	for _, slice := range x.slices[key{s.Namespace, s.Name}] {
		var ports []networkingv1.NetworkPolicyPort
		for _, p := range slice.Ports {
			if p.Port != nil && meant[text(p.Name)] {
				ports = append(ports, policyPort(corev1.Protocol(text(p.Protocol)), intstr.FromInt32(*p.Port)))
			}
		}
		if len(ports) == 0 {
			continue
		}
		for _, e := range slice.Endpoints {
			for _, address := range e.Addresses {
				if o, ok := x.endpoint(s.Namespace, address); ok {
					o.ports = ports
					o.why = fmt.Sprintf("an endpoint of Service %s/%s", s.Namespace, s.Name)
					found = append(found, o)
				}
			}
		}
	}
	return found
}

// endpoint returns the peer at an address. A guest writes its own EndpointSlices: they count for pods of the same namespace only.
func (x *index) endpoint(namespace, text string) (opening, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" || addr.IsUnspecified() || addr.IsLoopback() || addr.IsMulticast() || addr.IsLinkLocalUnicast() {
		return opening{}, false
	}
	addr = addr.Unmap()
	pod, isPod := x.pods[addr]
	if x.Namespaces[namespace].foreign() && (!isPod || pod.Namespace != namespace) {
		return opening{}, false
	}
	if !isPod || len(pod.Labels) == 0 {
		return opening{address: prefix(addr)}, true
	}
	return podOpening(pod), true
}

func podOpening(pod Pod) opening {
	return opening{namespace: pod.Namespace, pods: &metav1.LabelSelector{MatchLabels: pod.Labels}, of: pod.Labels}
}

// resolvePod returns the pod of ADDRESS.NAMESPACE.pod: its port of the name, else the ports that it declares, else all.
func (x *index) resolvePod(name Name) []opening {
	addr, ok := dashedAddress(name.Pod)
	pod, there := x.pods[addr]
	if !ok || !there || pod.Namespace != name.Namespace {
		return nil
	}
	o, _ := x.endpoint(name.Namespace, addr.String())
	o.why = "Pod " + pod.Namespace + "/" + pod.Name
	for _, p := range pod.Ports {
		o.ports = append(o.ports, policyPort(p.Protocol, intstr.FromInt32(p.ContainerPort)))
	}
	if name.Port != 0 && !name.Implied {
		o.ports = []networkingv1.NetworkPolicyPort{policyPort(corev1.ProtocolTCP, intstr.FromInt32(int32(name.Port)))}
	}
	return []opening{o}
}

func text[S ~string](s *S) string {
	if s == nil {
		return ""
	}
	return string(*s)
}

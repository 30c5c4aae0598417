// Package oracle decides from the API objects alone whether NetworkPolicy allows a packet. It follows the words of the API's
// documentation (networking.k8s.io/v1). It is slow, short, and shares no code with what it judges.
package oracle

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// World is the cluster as the API server has it.
type World struct {
	Pods       []*corev1.Pod
	Namespaces []*corev1.Namespace
	Policies   []*networkingv1.NetworkPolicy
}

// Packet opens a connection: from and to as the pods see them, before any SNAT and after any DNAT.
type Packet struct {
	From, To netip.Addr
	Protocol corev1.Protocol // TCP, UDP, SCTP, or anything else
	Port     int32
	Node     bool // it comes from the node itself
}

// Allowed is the verdict of one node's filter on a packet that passes it: the egress of that node's pods and the ingress
// of that node's pods are judged there.
func (w World) Allowed(node string, p Packet) bool {
	if p.From == p.To || p.Node {
		return true // a pod cannot block itself, nor its node
	}
	from, to := w.holder(p.From), w.holder(p.To)
	if from != nil && from.Spec.NodeName == node && !w.side(from, to, p.To, p, networkingv1.PolicyTypeEgress) {
		return false
	}
	return to == nil || to.Spec.NodeName != node || w.side(to, from, p.From, p, networkingv1.PolicyTypeIngress)
}

// holder is the pod that has the address: not one in the host's network, not one that has finished; if several say so,
// one that is not leaving before one that is, then the youngest.
func (w World) holder(ip netip.Addr) *corev1.Pod {
	var best *corev1.Pod
	for _, p := range w.Pods {
		holds := slices.ContainsFunc(p.Status.PodIPs, func(i corev1.PodIP) bool { return i.IP == ip.String() })
		if !holds || p.Spec.HostNetwork || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		if best == nil || better(p, best) {
			best = p
		}
	}
	return best
}

func better(p, q *corev1.Pod) bool {
	if (p.DeletionTimestamp == nil) != (q.DeletionTimestamp == nil) {
		return p.DeletionTimestamp == nil
	}
	if !p.CreationTimestamp.Equal(&q.CreationTimestamp) {
		return q.CreationTimestamp.Before(&p.CreationTimestamp)
	}
	return p.Namespace < q.Namespace || p.Namespace == q.Namespace && p.Name < q.Name
}

// side judges one direction of one pod: allowed if no policy of that type selects it, or if any rule of any that does.
func (w World) side(pod, peer *corev1.Pod, peerIP netip.Addr, p Packet, t networkingv1.PolicyType) bool {
	isolated := false
	for _, np := range w.Policies {
		if np.Namespace != pod.Namespace || !slices.Contains(types(np.Spec), t) || !selects(np.Spec.PodSelector, pod.Labels) {
			continue
		}
		isolated = true
		if t == networkingv1.PolicyTypeIngress && slices.ContainsFunc(np.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
			return w.peers(np, r.From, peer, peerIP) && ports(r.Ports, pod, p)
		}) {
			return true
		}
		if t == networkingv1.PolicyTypeEgress && slices.ContainsFunc(np.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
			return w.peers(np, r.To, peer, peerIP) && ports(r.Ports, peer, p)
		}) {
			return true
		}
	}
	return !isolated
}

// types are the policy's, or their default: ingress, and egress if there is a rule for it.
func types(s networkingv1.NetworkPolicySpec) []networkingv1.PolicyType {
	switch {
	case len(s.PolicyTypes) > 0:
		return s.PolicyTypes
	case len(s.Egress) > 0:
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	}
	return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
}

func (w World) peers(np *networkingv1.NetworkPolicy, peers []networkingv1.NetworkPolicyPeer, pod *corev1.Pod, ip netip.Addr) bool {
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		if p.IPBlock != nil {
			return netip.MustParsePrefix(p.IPBlock.CIDR).Contains(ip) && !slices.ContainsFunc(p.IPBlock.Except, func(e string) bool {
				return netip.MustParsePrefix(e).Contains(ip)
			})
		}
		if pod == nil || p.PodSelector != nil && !selects(*p.PodSelector, pod.Labels) {
			return false
		}
		if p.NamespaceSelector == nil {
			return p.PodSelector != nil && pod.Namespace == np.Namespace
		}
		return slices.ContainsFunc(w.Namespaces, func(n *corev1.Namespace) bool {
			return n.Name == pod.Namespace && selects(*p.NamespaceSelector, n.Labels)
		})
	})
}

// ports judges the destination's port; a name is what the destination pod calls it.
func ports(ports []networkingv1.NetworkPolicyPort, to *corev1.Pod, p Packet) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(np networkingv1.NetworkPolicyPort) bool {
		protocol := corev1.ProtocolTCP
		if np.Protocol != nil {
			protocol = *np.Protocol
		}
		switch {
		case protocol != p.Protocol:
			return false
		case np.Port == nil:
			return true
		case np.Port.Type == intstr.String:
			number, ok := named(to, np.Port.StrVal, protocol)
			return ok && number == p.Port
		case np.EndPort != nil:
			return np.Port.IntVal <= p.Port && p.Port <= *np.EndPort
		}
		return np.Port.IntVal == p.Port
	})
}

func named(pod *corev1.Pod, name string, protocol corev1.Protocol) (int32, bool) {
	if pod == nil {
		return 0, false
	}
	containers := slices.Clone(pod.Spec.Containers)
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(containers, c)
		}
	}
	for _, c := range containers {
		for _, p := range c.Ports {
			if p.Name == name && (p.Protocol == protocol || p.Protocol == "" && protocol == corev1.ProtocolTCP) {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}

// selects is the label selector: all its requirements hold.
func selects(s metav1.LabelSelector, labels map[string]string) bool {
	for k, v := range s.MatchLabels {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		have, ok := labels[e.Key]
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			ok = ok && slices.Contains(e.Values, have)
		case metav1.LabelSelectorOpNotIn:
			ok = !ok || !slices.Contains(e.Values, have)
		case metav1.LabelSelectorOpDoesNotExist:
			ok = !ok
		case metav1.LabelSelectorOpExists:
		}
		if !ok {
			return false
		}
	}
	return true
}

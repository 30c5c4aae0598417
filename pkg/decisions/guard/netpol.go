package guard

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/values/apis"
)

// DNS selects the pods that answer the cluster's DNS.
type DNS struct {
	Namespace string
	PodLabels map[string]string
}

// NetworkPolicy is the wanted policy of the namespace: its pods reach, and are reached from, what the Hospital has
// labelled as allowed, and they reach the cluster's DNS on port 53. Everything else is denied in both directions.
func NetworkPolicy(ns Namespace, guestID string, dns DNS) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: meta(ns, apis.NetworkPolicyName),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{}, // every pod of the namespace
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: allowed(guestID)}},
			Egress:      []networkingv1.NetworkPolicyEgressRule{{To: allowed(guestID)}, toDNS(dns)},
		},
	}
}

// NarrowNetworkPolicy is the wanted policy of a namespace whose workloads have least-privilege policies: it opens DNS only. What the
// Hospital allows is opened by those policies, as far as a workload needs it.
func NarrowNetworkPolicy(ns Namespace, dns DNS) *networkingv1.NetworkPolicy {
	policy := NetworkPolicy(ns, "", dns)
	policy.Spec.Ingress, policy.Spec.Egress = nil, []networkingv1.NetworkPolicyEgressRule{toDNS(dns)}
	return policy
}

// GuestNetworkPolicy is the wanted policy of the namespace for what a GuestPolicy opens beyond NetworkPolicy; nil, if that is nothing.
func GuestNetworkPolicy(ns Namespace, ingress []networkingv1.NetworkPolicyIngressRule, egress []networkingv1.NetworkPolicyEgressRule) *networkingv1.NetworkPolicy {
	policy := &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: meta(ns, apis.GuestNetworkPolicyName),
		Spec:       networkingv1.NetworkPolicySpec{Ingress: ingress, Egress: egress},
	}
	if len(ingress) > 0 {
		policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
	}
	if len(egress) > 0 {
		policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	}
	if len(policy.Spec.PolicyTypes) == 0 {
		return nil
	}
	return policy
}

// allowed are the peers in either direction. The webhook labels every foreign pod as allowed, so that a guest's pods
// reach each other; a bare "any pod so labelled in any namespace" would therefore join all guests to one another.
func allowed(guestID string) []networkingv1.NetworkPolicyPeer {
	marked := &metav1.LabelSelector{MatchLabels: map[string]string{apis.LabelNetpolAllow: "true"}}
	peers := []networkingv1.NetworkPolicyPeer{
		// A namespace that the Hospital allows as a whole; a guest cannot label namespaces.
		{NamespaceSelector: marked},
		// A pod that the Hospital allows in a namespace of its own, one that belongs to no guest.
		{
			NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: apis.LabelRemoteCluster, Operator: metav1.LabelSelectorOpDoesNotExist},
			}},
			PodSelector: marked,
		},
		// The foreign pods of this namespace among themselves, also while its label has no value.
		{PodSelector: marked},
	}
	if guestID == "" {
		return peers // namespaces whose labels have no value are not one guest's
	}
	// The foreign pods of the same guest's other namespaces.
	return append(peers, networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{apis.LabelRemoteCluster: guestID}},
		PodSelector:       marked,
	})
}

// toDNS opens port 53 to the pods behind the cluster's DNS service, and to nothing else that listens there.
func toDNS(dns DNS) networkingv1.NetworkPolicyEgressRule {
	return networkingv1.NetworkPolicyEgressRule{
		To: []networkingv1.NetworkPolicyPeer{{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: dns.Namespace}},
			PodSelector:       &metav1.LabelSelector{MatchLabels: dns.PodLabels},
		}},
		Ports: []networkingv1.NetworkPolicyPort{port53(corev1.ProtocolUDP), port53(corev1.ProtocolTCP)},
	}
}

func port53(protocol corev1.Protocol) networkingv1.NetworkPolicyPort {
	port := intstr.FromInt32(53)
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &port}
}

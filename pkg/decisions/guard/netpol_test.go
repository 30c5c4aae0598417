package guard_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/values/apis"
)

// end is the other end of a connection of a foreign pod.
type end struct {
	namespace       string
	namespaceLabels map[string]string
	podLabels       map[string]string
}

// ends are told apart by what the policy should think of them.
func ends() map[string]end {
	allow := map[string]string{apis.LabelNetpolAllow: "true"}
	guest := func(id string, more map[string]string) map[string]string {
		all := map[string]string{apis.LabelRemoteCluster: id}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	dns := map[string]string{"k8s-app": "kube-dns"}
	system := map[string]string{corev1.LabelMetadataName: "kube-system"}
	return map[string]end{
		"any pod of an allowed namespace":           {"hospital", allow, nil},
		"an allowed pod of the Hospital":            {"restricted", nil, allow},
		"another pod of the Hospital":               {"restricted", nil, nil},
		"a pod that says no":                        {"restricted", nil, map[string]string{apis.LabelNetpolAllow: "false"}},
		"a foreign pod of the same namespace":       {"pharma-space", guest("pharma", nil), allow},
		"an unlabelled pod of the same namespace":   {"pharma-space", guest("pharma", nil), nil},
		"a foreign pod of the same guest":           {"pharma-other", guest("pharma", nil), allow},
		"a foreign pod of another guest":            {"rival-space", guest("rival", nil), allow},
		"a foreign pod of an allowed namespace":     {"rival-public", guest("rival", allow), allow},
		"a foreign pod of a namespace without id":   {"nameless-space", guest("", nil), allow},
		"the cluster's DNS":                         {"kube-system", system, dns},
		"another pod beside the cluster's DNS":      {"kube-system", system, nil},
		"a pod that calls itself the cluster's DNS": {"restricted", nil, dns},
	}
}

func TestThePolicyAllowsExactlyWhatTheHospitalLabelled(t *testing.T) {
	both := []string{
		"any pod of an allowed namespace", "an allowed pod of the Hospital", "a foreign pod of the same namespace",
		"a foreign pod of an allowed namespace",
	}
	for guestID, allowed := range map[string][]string{
		"pharma": append([]string{"a foreign pod of the same guest"}, both...),
		"":       both,
	} {
		policy := guard.NetworkPolicy(guard.Namespace{Name: "pharma-space", Installation: "1"}, guestID,
			guard.DNS{Namespace: "kube-system", PodLabels: map[string]string{"k8s-app": "kube-dns"}})
		for name, e := range ends() {
			out := name == "the cluster's DNS"
			for _, a := range allowed {
				out = out || a == name
			}
			in := out && name != "the cluster's DNS"
			require.Equal(t, out, egress(t, policy, e, 53), "guest %q: to %s on port 53", guestID, name)
			require.Equal(t, in, egress(t, policy, e, 80), "guest %q: to %s on port 80", guestID, name)
			require.Equal(t, in, ingress(t, policy, e), "guest %q: from %s", guestID, name)
		}
	}
}

func TestThePolicyIsWhole(t *testing.T) {
	policy := guard.NetworkPolicy(guard.Namespace{Name: "pharma-space", Installation: "1"}, "pharma", guard.DNS{Namespace: "d", PodLabels: map[string]string{"a": "b"}})
	require.Equal(t, "pharma-space", policy.Namespace)
	require.Equal(t, apis.NetworkPolicyName, policy.Name)
	require.Empty(t, policy.Spec.PodSelector.MatchLabels, "every pod")
	require.ElementsMatch(t, []networkingv1.PolicyType{"Ingress", "Egress"}, policy.Spec.PolicyTypes)
	require.Equal(t, []metav1.OwnerReference{{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "data-space-controller", UID: "1"}}, policy.OwnerReferences)
	require.Equal(t, apis.ControllerName, policy.Labels[apis.LabelManagedBy])
	protocols := map[corev1.Protocol]int32{}
	for _, p := range policy.Spec.Egress[1].Ports {
		protocols[*p.Protocol] = p.Port.IntVal
	}
	require.Equal(t, map[corev1.Protocol]int32{"UDP": 53, "TCP": 53}, protocols)
}

// egress and ingress evaluate the policy as the API says, independently of how it was made.
func egress(t *testing.T, policy *networkingv1.NetworkPolicy, to end, port int32) bool {
	t.Helper()
	for _, rule := range policy.Spec.Egress {
		if anyPeer(t, rule.To, to) && anyPort(rule.Ports, port) {
			return true
		}
	}
	return false
}

func ingress(t *testing.T, policy *networkingv1.NetworkPolicy, from end) bool {
	t.Helper()
	for _, rule := range policy.Spec.Ingress {
		if anyPeer(t, rule.From, from) {
			return true
		}
	}
	return false
}

func anyPort(ports []networkingv1.NetworkPolicyPort, port int32) bool {
	for _, p := range ports {
		if p.Port.IntVal == port {
			return true
		}
	}
	return len(ports) == 0
}

func anyPeer(t *testing.T, peers []networkingv1.NetworkPolicyPeer, e end) bool {
	t.Helper()
	require.NotEmpty(t, peers, "no peers would mean everybody")
	for _, p := range peers {
		namespace := e.namespace == "pharma-space"
		if p.NamespaceSelector != nil {
			namespace = selects(t, p.NamespaceSelector, e.namespaceLabels)
		}
		pod := p.PodSelector == nil || selects(t, p.PodSelector, e.podLabels)
		if namespace && pod {
			return true
		}
	}
	return false
}

func selects(t *testing.T, s *metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	require.NoError(t, err)
	return selector.Matches(labels.Set(set))
}

func TestTheNarrowPolicyOpensDNSOnly(t *testing.T) {
	dns := guard.DNS{Namespace: "kube-system", PodLabels: map[string]string{"k8s-app": "kube-dns"}}
	ns := guard.Namespace{Name: "study"}
	policy := guard.NarrowNetworkPolicy(ns, dns)
	require.Empty(t, policy.Spec.Ingress)
	require.Equal(t, guard.NetworkPolicy(ns, "pharma", dns).Spec.Egress[1:], policy.Spec.Egress)
	require.Len(t, policy.Spec.PolicyTypes, 2)
	require.Equal(t, "data-space-network-policy", policy.Name)
}

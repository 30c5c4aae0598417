package largecluster

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Pod is pod i as Kubernetes has it, some four kilobytes.
func Pod(i int) *corev1.Pod {
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("namespace-%d", i/PerNamespace), Name: fmt.Sprintf("deployment-5d8f7c9b6d-%05d", i), ResourceVersion: fmt.Sprint(1000 + i),
			Labels:        map[string]string{"app.kubernetes.io/name": fmt.Sprintf("app%d", i%10), "app.kubernetes.io/part-of": "shop", "pod-template-hash": "5d8f7c9b6d"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubelet", FieldsV1: metav1.NewFieldsV1(strings.Repeat("x", 2500))}}},
		Spec: corev1.PodSpec{NodeName: fmt.Sprintf("node-%d", i/PerNode), Containers: []corev1.Container{{Name: "c", Image: "registry.example/image:tag",
			Env:   []corev1.EnvVar{{Name: "TEXT", Value: strings.Repeat("y", 800)}},
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{
			{IP: fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)}, {IP: fmt.Sprintf("2001:db8::1:%x:%x", i>>16, i&0xffff)}}},
	}
}

// Namespace is namespace i.
func Namespace(i int) *corev1.Namespace {
	name := fmt.Sprintf("namespace-%d", i)
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: fmt.Sprint(1000 + i),
		Labels:        map[string]string{"kubernetes.io/metadata.name": name, "team": fmt.Sprint(i % 7)},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsV1: metav1.NewFieldsV1(strings.Repeat("x", 400))}}}}
}

// Node is a node's object. Its address is the loopback's: the agent finds it in every network namespace.
func Node(name string) *corev1.Node {
	return &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "1"},
		Spec:       corev1.NodeSpec{PodCIDRs: []string{"10.0.0.0/25"}, PodCIDR: "10.0.0.0/25"},
		Status:     corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}},
	}
}

// Policies select the pods of node-0's namespaces: their peers are the pods of their own namespace, and of all namespaces those
// of one of ten applications.
func Policies() []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	peers := []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}, {NamespaceSelector: &metav1.LabelSelector{},
		PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "app3"}}}}
	for i := range PerNode / PerNamespace {
		out = append(out, &networkingv1.NetworkPolicy{
			TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
			ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("namespace-%d", i), Name: "p", ResourceVersion: fmt.Sprint(1000 + i)},
			Spec: networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
				Ingress: []networkingv1.NetworkPolicyIngressRule{{From: peers}}},
		})
	}
	return out
}

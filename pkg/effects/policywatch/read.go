package policywatch

import (
	"fmt"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// pods reads pods. Most pods have the labels, ports and nodes of many others: they share them.
type pods struct {
	labels map[string]map[string]string
	ports  map[string][]netpolicy.NamedPort
	nodes  map[string]string
}

// manyShared is how many different ones are remembered; then all are forgotten, and the next ones remembered.
const manyShared = 1 << 14

func newPods() *pods {
	return &pods{labels: map[string]map[string]string{}, ports: map[string][]netpolicy.NamedPort{}, nodes: map[string]string{}}
}

func (r *pods) read(object any) (reading, error) {
	p, ok := object.(*corev1.Pod)
	if !ok {
		return reading{}, unexpected(object)
	}
	pod := netpolicy.PodOf(p)
	if !pod.Judged() {
		return reading{key: pod.Key}, nil
	}
	pod.Labels = shared(r.labels, labels.Set(pod.Labels).String(), pod.Labels)
	pod.Ports = shared(r.ports, fmt.Sprint(pod.Ports), pod.Ports)
	pod.Node = shared(r.nodes, pod.Node, pod.Node)
	return reading{key: pod.Key, seen: netpol.PodSeen{Pod: pod}}, nil
}

// shared returns the value that was there first under the key.
func shared[T any](known map[string]T, key string, value T) T {
	if first, ok := known[key]; ok {
		return first
	}
	if len(known) >= manyShared {
		clear(known)
	}
	known[key] = value
	return value
}

func gonePod(k netpolicy.Key) netpol.Change       { return netpol.PodGone{Key: k} }
func goneNamespace(k netpolicy.Key) netpol.Change { return netpol.NamespaceGone{Name: k.Name} }
func gonePolicy(k netpolicy.Key) netpol.Change    { return netpol.PolicyGone{Key: k} }

func readNamespace(object any) (reading, error) {
	n, ok := object.(*corev1.Namespace)
	if !ok {
		return reading{}, unexpected(object)
	}
	return reading{
		key:  netpolicy.Key{Name: n.Name},
		seen: netpol.NamespaceSeen{Namespace: netpolicy.Namespace{Name: n.Name, Labels: n.Labels}},
	}, nil
}

// policies reads policies and says what it does not understand of them.
type policies struct{ log *slog.Logger }

func (r policies) read(object any) (reading, error) {
	p, ok := object.(*networkingv1.NetworkPolicy)
	if !ok {
		return reading{}, unexpected(object)
	}
	policy, problems := netpolicy.PolicyOf(p)
	if len(problems) > 0 {
		r.log.Warn("a NetworkPolicy is not understood in full; what is not understood allows nothing",
			"policy", policy.Key, "problems", problems.ToAggregate())
	}
	return reading{key: policy.Key, seen: netpol.PolicySeen{Policy: policy}}, nil
}

// stripPod keeps what readPod reads.
func stripPod(object any) (any, error) {
	p, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	out := &corev1.Pod{ObjectMeta: strip(p.ObjectMeta)}
	out.Spec = corev1.PodSpec{NodeName: p.Spec.NodeName, HostNetwork: p.Spec.HostNetwork,
		Containers: containers(p.Spec.Containers), InitContainers: containers(p.Spec.InitContainers)}
	out.Status = corev1.PodStatus{Phase: p.Status.Phase, PodIP: p.Status.PodIP, PodIPs: p.Status.PodIPs}
	return out, nil
}

func containers(all []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for _, c := range all {
		if len(c.Ports) > 0 {
			out = append(out, corev1.Container{Ports: c.Ports, RestartPolicy: c.RestartPolicy})
		}
	}
	return out
}

func stripNamespace(object any) (any, error) {
	if n, ok := object.(*corev1.Namespace); ok {
		return &corev1.Namespace{ObjectMeta: strip(n.ObjectMeta)}, nil
	}
	return object, nil
}

func stripPolicy(object any) (any, error) {
	if p, ok := object.(*networkingv1.NetworkPolicy); ok {
		return &networkingv1.NetworkPolicy{ObjectMeta: strip(p.ObjectMeta), Spec: p.Spec}, nil
	}
	return object, nil
}

func strip(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, Labels: m.Labels,
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp,
	}
}

package policywatch

import (
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
)

func readPod(object any) (reading, error) {
	p, ok := object.(*corev1.Pod)
	if !ok {
		return reading{}, unexpected(object)
	}
	pod := netpolicy.PodOf(p)
	r := reading{key: pod.Key, gone: netpol.PodGone{Key: pod.Key}}
	if pod.Judged() {
		r.seen = netpol.PodSeen{Pod: pod}
	}
	return r, nil
}

func readNamespace(object any) (reading, error) {
	n, ok := object.(*corev1.Namespace)
	if !ok {
		return reading{}, unexpected(object)
	}
	return reading{
		key:  netpolicy.Key{Name: n.Name},
		seen: netpol.NamespaceSeen{Namespace: netpolicy.Namespace{Name: n.Name, Labels: n.Labels}},
		gone: netpol.NamespaceGone{Name: n.Name},
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
	return reading{key: policy.Key, seen: netpol.PolicySeen{Policy: policy}, gone: netpol.PolicyGone{Key: policy.Key}}, nil
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

package podwatch

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/values/workload"
)

// healthCheck is the method by which the kubelet asks in gRPC.
const healthCheck = "/grpc.health.v1.Health/Check"

// Probes returns the probes of a pod of the node that call one of its ports; none if the pod is not known, or is another one of the name.
func (w *Watch) Probes(ctx context.Context, namespace, name, uid string) []workload.Probe {
	var pod corev1.Pod
	if !w.Synced() || w.cache.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &pod) != nil || string(pod.UID) != uid {
		return nil
	}
	return probes(&pod)
}

func probes(pod *corev1.Pod) []workload.Probe {
	var all []workload.Probe
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range list {
			for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
				if one, calls := probe(p, c.Ports); calls && !isProxy(c) {
					all = append(all, one)
				}
			}
		}
	}
	return all
}

// probe returns what the kubelet calls, if it calls a port.
func probe(p *corev1.Probe, ports []corev1.ContainerPort) (one workload.Probe, calls bool) {
	if p == nil {
		return one, false
	}
	one.Period = time.Duration(p.PeriodSeconds) * time.Second
	switch {
	case p.HTTPGet != nil:
		one.Port = port(p.HTTPGet.Port, ports)
		if p.HTTPGet.Scheme != corev1.URISchemeHTTPS {
			one.Method, one.Path = "GET", p.HTTPGet.Path
		}
	case p.TCPSocket != nil:
		one.Port = port(p.TCPSocket.Port, ports)
	case p.GRPC != nil:
		one.Port, one.Method, one.Path = number(p.GRPC.Port), "POST", healthCheck
	}
	return one, one.Port > 0
}

// port returns the number of a port, by its name if it has one.
func port(of intstr.IntOrString, ports []corev1.ContainerPort) uint16 {
	if of.Type == intstr.Int {
		return number(of.IntVal)
	}
	for _, p := range ports {
		if p.Name == of.StrVal {
			return number(p.ContainerPort)
		}
	}
	return 0
}

func number(port int32) uint16 {
	const most = 1<<16 - 1
	if port < 0 || port > most {
		return 0
	}
	return uint16(port)
}

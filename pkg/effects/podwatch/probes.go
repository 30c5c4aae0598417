package podwatch

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// What the kubelet asks in gRPC.
const healthMethod, healthCheck = "POST", "/grpc.health.v1.Health/Check"

// Bounds of what is kept of a pod's probes, since a guest chooses their number and their size. Lines of a probe beyond them have no mark.
const (
	mostProbes  = 32
	longestPath = 1 << 10
)

// Probes returns the probes of a pod of the node that call one of its ports; none if the pod is not known, or is another one of the name.
func (w *Watch) Probes(ctx context.Context, namespace, name, uid string) []workload.Probe {
	var pod corev1.Pod
	if !w.Synced() || w.cache.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &pod) != nil || string(pod.UID) != uid {
		return nil
	}
	return probes(&pod)
}

// probes returns the first probes of a pod, within the bounds.
func probes(pod *corev1.Pod) []workload.Probe {
	var all []workload.Probe
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for _, c := range list {
			for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
				if one, calls := probe(p, c.Ports); calls && !isProxy(c) && len(one.Path) <= longestPath && len(all) < mostProbes {
					all = append(all, one)
				}
			}
		}
	}
	return all
}

// withProbes returns containers from which probes returns the same again.
func withProbes(all []workload.Probe) []corev1.Container {
	var kept []corev1.Container
	for _, one := range all {
		p, to := &corev1.Probe{PeriodSeconds: int32(one.Period / time.Second)}, intstr.FromInt32(int32(one.Port)) //nolint:gosec // an int32 of seconds
		switch one.Method {
		case "":
			p.TCPSocket = &corev1.TCPSocketAction{Port: to}
		case healthMethod:
			p.GRPC = &corev1.GRPCAction{Port: to.IntVal}
		default:
			p.HTTPGet = &corev1.HTTPGetAction{Path: one.Path, Port: to}
		}
		kept = append(kept, corev1.Container{LivenessProbe: p})
	}
	return kept
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
		one.Port, one.Method, one.Path = number(p.GRPC.Port), healthMethod, healthCheck
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

func isProxy(c corev1.Container) bool { return c.Name == apis.ProxyContainerName }

package podwatch

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// stripPod keeps of a pod what reduce and probes read.
func stripPod(in any) (any, error) {
	pod, ok := in.(*corev1.Pod)
	if !ok {
		return in, nil // a tombstone
	}
	return &corev1.Pod{
		ObjectMeta: stripMeta(pod.ObjectMeta),
		Spec: corev1.PodSpec{
			NodeName:       pod.Spec.NodeName,
			HostNetwork:    pod.Spec.HostNetwork,
			InitContainers: stripContainers(pod.Spec.InitContainers),
			Containers:     append(stripContainers(pod.Spec.Containers), withProbes(probes(pod))...),
		},
		Status: corev1.PodStatus{
			Phase:                 pod.Status.Phase,
			InitContainerStatuses: stripStatuses(pod.Status.InitContainerStatuses),
			ContainerStatuses:     stripStatuses(pod.Status.ContainerStatuses),
		},
	}, nil
}

func stripMeta(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion}
}

// stripContainers keeps the proxy's name.
func stripContainers(in []corev1.Container) []corev1.Container {
	if !slices.ContainsFunc(in, isProxy) {
		return nil
	}
	return []corev1.Container{{Name: apis.ProxyContainerName}}
}

func stripStatuses(in []corev1.ContainerStatus) []corev1.ContainerStatus {
	i := slices.IndexFunc(in, func(c corev1.ContainerStatus) bool { return c.Name == apis.ProxyContainerName })
	if i < 0 {
		return nil
	}
	return []corev1.ContainerStatus{{
		Name: in[i].Name, State: in[i].State, LastTerminationState: in[i].LastTerminationState, RestartCount: in[i].RestartCount,
	}}
}

// stripNamespace keeps of a namespace the labels by which Data Spacer is steered, as its witnesses settle them.
func stripNamespace(in any) (any, error) {
	ns, ok := in.(*metav1.PartialObjectMetadata)
	if !ok {
		return in, nil // a tombstone
	}
	out := &metav1.PartialObjectMetadata{TypeMeta: ns.TypeMeta, ObjectMeta: stripMeta(ns.ObjectMeta)}
	labels := apis.Settled(ns.Labels, ns.Annotations)
	for _, key := range []string{apis.LabelRemoteCluster, apis.LabelTenantNamespace, apis.LabelApplyWebhook, apis.LabelSuspended} {
		if value, ok := labels[key]; ok {
			if out.Labels == nil {
				out.Labels = map[string]string{}
			}
			out.Labels[key] = value
		}
	}
	return out, nil
}

func reduce(pod *corev1.Pod) workload.Pod {
	return workload.Pod{
		Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID),
		HostNetwork: pod.Spec.HostNetwork,
		Done:        pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed,
		HasProxy:    slices.ContainsFunc(pod.Spec.InitContainers, isProxy) || slices.ContainsFunc(pod.Spec.Containers, isProxy),
		Stall:       stall(append(stripStatuses(pod.Status.InitContainerStatuses), stripStatuses(pod.Status.ContainerStatuses)...)),
	}
}

// stall returns the reason why the proxy's container waits. The kubelet's reasons "PodInitializing" and "ContainerCreating" mean
// that the container is about to start, so they are not returned.
func stall(statuses []corev1.ContainerStatus) workload.Stall {
	for _, s := range statuses {
		switch w, t := s.State.Waiting, s.LastTerminationState.Terminated; {
		case w == nil || w.Reason == "" || w.Reason == "PodInitializing" || w.Reason == "ContainerCreating":
		case t != nil:
			return workload.Stall{Reason: w.Reason, Message: fmt.Sprintf("it ended last with exit code %d (%s)", t.ExitCode, t.Reason)}
		default:
			return workload.Stall{Reason: w.Reason, Message: w.Message}
		}
	}
	return workload.Stall{}
}

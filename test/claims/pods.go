package claims

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/claims/accesslog"
)

// pods lists the pods that run and are not ending, in order of their nodes.
func (w *World) pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	return RunningPods(ctx, w.kube, namespace, selector)
}

// RunningPods lists the pods that run and are not ending, in order of their nodes. It returns an error if no pod runs.
func RunningPods(ctx context.Context, kube kubernetes.Interface, namespace, selector string) ([]corev1.Pod, error) {
	list, err := kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list pods of %s: %w", namespace, err)
	}
	running := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool {
		return p.DeletionTimestamp != nil || p.Status.Phase != corev1.PodRunning
	})
	if len(running) == 0 {
		return nil, fmt.Errorf("no pod %s runs in %s", selector, namespace)
	}
	slices.SortFunc(running, func(a, b corev1.Pod) int { return cmp.Compare(a.Spec.NodeName, b.Spec.NodeName) })
	return running, nil
}

// guests are the pods of the guest's Deployment.
func (w *World) guests(ctx context.Context) ([]corev1.Pod, error) {
	return w.pods(ctx, pharmaSpace, "app=pharma")
}

// accessLog returns what the pod's proxy logged since a moment.
func (w *World) accessLog(ctx context.Context, pod corev1.Pod, since time.Time) ([]accesslog.Entry, error) {
	stamp := metav1.NewTime(since)
	log, err := w.kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: apis.ProxyContainerName, SinceTime: &stamp,
	}).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("the log of %s's proxy: %w", pod.Name, err)
	}
	return accesslog.Parse(string(log)), nil
}

// addresses are the pod's IPs, of both families where the cluster has both.
func addresses(pod corev1.Pod) []netip.Addr {
	found := []netip.Addr{}
	for _, ip := range pod.Status.PodIPs {
		if address, err := netip.ParseAddr(ip.IP); err == nil {
			found = append(found, address)
		}
	}
	return found
}

// serviceAddresses are the Service's cluster IPs.
func (w *World) serviceAddresses(ctx context.Context, namespace, name string) ([]netip.Addr, error) {
	service, err := w.kube.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("service %s/%s: %w", namespace, name, err)
	}
	found := []netip.Addr{}
	for _, ip := range service.Spec.ClusterIPs {
		address, err := netip.ParseAddr(ip)
		if err != nil {
			return nil, fmt.Errorf("service %s/%s: %w", namespace, name, err)
		}
		found = append(found, address)
	}
	return found, nil
}

// containerID is the runtime's id of a container of the pod.
func containerID(pod corev1.Pod, container string) (string, error) {
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if status.Name != container {
			continue
		}
		_, id, found := strings.Cut(status.ContainerID, "://")
		if !found || status.State.Running == nil {
			return "", fmt.Errorf("container %s of pod %s does not run", container, pod.Name)
		}
		return id, nil
	}
	return "", fmt.Errorf("pod %s has no container %s", pod.Name, container)
}

// anyContainer is the id of one of the pod's own containers.
func anyContainer(pod corev1.Pod) (string, error) {
	if len(pod.Spec.Containers) == 0 {
		return "", errors.New("a pod without containers")
	}
	return containerID(pod, pod.Spec.Containers[0].Name)
}

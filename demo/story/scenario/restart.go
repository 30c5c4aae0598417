package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// proxyReturns kills the proxy of one of the guest's pods from outside, and waits until its successor is bound and
// carries traffic.
func (w *World) proxyReturns(ctx context.Context) (string, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	pod := guests[0]
	before, err := w.enforcedPod(ctx, pod)
	if err != nil {
		return "", err
	}
	if err := killProxy(pod); err != nil {
		return "", err
	}
	start := time.Now()
	after, err := until(ctx, func(ctx context.Context) (string, error) {
		now, err := w.enforcedPod(ctx, pod)
		if err != nil {
			return "", err
		}
		if now.Proxy.CgroupInode == before.Proxy.CgroupInode || now.Proxy.PID == before.Proxy.PID {
			return "", errors.New("the agent still has the exemption bound to the dead proxy")
		}
		return fmt.Sprintf("cgroup %d, was %d", now.Proxy.CgroupInode, before.Proxy.CgroupInode), w.boundTo(ctx, pod, now.Proxy.CgroupInode)
	})
	if err != nil {
		return "", err
	}
	bound := since(start)
	host := netip.AddrPortFrom(addresses(pod)[0], 8080).String()
	answer, err := until(ctx, func(ctx context.Context) (string, error) { return w.resultsAt(ctx, host) })
	if err != nil {
		return "", fmt.Errorf("bound again (%s), but /results: %w", after, err)
	}
	return fmt.Sprintf("bound again after %s (%s), /results after %s: %s", bound, after, since(start), answer), nil
}

// boundTo checks the agent's word: the running proxy's sockets are in this cgroup.
func (w *World) boundTo(ctx context.Context, pod corev1.Pod, cgroup uint64) error {
	now, err := w.kube.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read %s: %w", pod.Name, err)
	}
	owner, err := proxyOwner(*now)
	if err != nil {
		return err
	}
	if owner.Cgroup != cgroup {
		return fmt.Errorf("the proxy runs in cgroup %d, the agent bound %d", owner.Cgroup, cgroup)
	}
	return nil
}

func killProxy(pod corev1.Pod) error {
	container, err := containerID(pod, apis.ProxyContainerName)
	if err != nil {
		return err
	}
	pids, err := processes(container)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill the proxy, process %d: %w", pid, err)
		}
	}
	return nil
}

package claims

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
	"data-space.liqo.io/test/podcapture"
)

// proxyReturns kills the proxy of a pod of the guest from outside, and waits until its successor is bound and carries
// traffic. The guest attacks as soon as its proxy is dead, and the pod is watched all the time. The pod is a new one:
// the kubelet pauses longer before each restart of the same container.
func (w *World) proxyReturns(ctx context.Context) (string, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	aims, err := w.field(ctx)
	if err != nil {
		return "", err
	}
	observed := ""
	err = w.Openly(ctx, func() (err error) {
		observed, err = captured(func() (string, podcapture.Verdict, error) {
			return w.revival(ctx, barePod(pharmaSpace, "mortal", guests[0].Spec.Containers[0].Image), aims)
		})
		return err
	})
	return observed, err
}

// revival is the experiment with one new pod.
func (w *World) revival(ctx context.Context, fresh *corev1.Pod, aims field) (observed string, verdict podcapture.Verdict, err error) {
	pod, err := w.startPod(ctx, fresh)
	if err != nil {
		return "", verdict, err
	}
	defer func() { err = errors.Join(err, w.removePod(context.WithoutCancel(ctx), pod.Namespace, pod.Name)) }()
	if _, err := w.works(ctx, pod); err != nil {
		return "", verdict, err
	}
	first, err := proxyOwner(pod)
	if err != nil {
		return "", verdict, err
	}
	capture, err := w.watch(ctx, pod)
	if err != nil {
		return "", verdict, err
	}
	defer capture.Close()
	second := podcapture.Owner{}
	err = during(ctx, capture, func() (err error) {
		observed, second, err = w.killed(ctx, pod, first, aims)
		return err
	})
	if err != nil {
		return "", verdict, err
	}
	verdict = podcapture.Judge(capture.Packets, &capture.Owners, podcapture.Rules{Proxies: []podcapture.Owner{first, second}, DNS: aims.dns})
	return fmt.Sprintf("%s; %d packets left: %d of the proxies' sockets, %d refusals by the kernel", observed, verdict.Packets,
		verdict.ProxyTCP+verdict.ProxyDNS, verdict.Refusals), verdict, nil
}

// killed kills the proxy, attacks, and waits for the next proxy to be bound and to work.
func (w *World) killed(ctx context.Context, pod corev1.Pod, first podcapture.Owner, aims field) (string, podcapture.Owner, error) {
	if err := killProxy(pod); err != nil {
		return "", podcapture.Owner{}, err
	}
	start := time.Now()
	attempts := make(chan error, 1)
	go func() {
		_, err := w.probe(ctx, pod, nil, aims)
		attempts <- err
	}()
	second, err := until(ctx, func(ctx context.Context) (podcapture.Owner, error) { return w.bound(ctx, pod, first) })
	took := since(start)
	if err := errors.Join(err, <-attempts); err != nil {
		return "", second, err
	}
	answer, err := w.works(ctx, pod)
	if err != nil {
		return "", second, fmt.Errorf("bound again, but /results: %w", err)
	}
	return fmt.Sprintf("bound to cgroup %d after %s (was %d); /results: %s", second.Cgroup, took, first.Cgroup, answer), second, nil
}

// works asks the pod itself for /results until it answers.
func (w *World) works(ctx context.Context, pod corev1.Pod) (string, error) {
	host := netip.AddrPortFrom(addresses(pod)[0], 8080).String()
	return until(ctx, func(ctx context.Context) (string, error) { return w.resultsAt(ctx, host) })
}

// bound returns the proxy that runs in the pod, if it is another than before and the agent has bound the exemption to
// the cgroup that its sockets really are in.
func (w *World) bound(ctx context.Context, pod corev1.Pod, before podcapture.Owner) (podcapture.Owner, error) {
	endpoint, err := w.enforcedPod(ctx, pod)
	if err != nil {
		return podcapture.Owner{}, err
	}
	now, err := w.kube.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	if err != nil {
		return podcapture.Owner{}, fmt.Errorf("read %s: %w", pod.Name, err)
	}
	owner, err := proxyOwner(*now)
	switch {
	case err != nil:
		return owner, err
	case owner == before:
		return owner, errors.New("the proxy was not restarted")
	case owner.Cgroup != endpoint.Proxy.CgroupInode:
		return owner, fmt.Errorf("the proxy runs in cgroup %d, the agent bound %d", owner.Cgroup, endpoint.Proxy.CgroupInode)
	}
	return owner, nil
}

func killProxy(pod corev1.Pod) error {
	container, err := containerID(pod, apis.ProxyContainerName)
	if err != nil {
		return err
	}
	pids, err := Processes(container)
	if err != nil {
		return err
	}
	return signal(pids, syscall.SIGKILL)
}

// signal sends a signal to processes; those that ended meanwhile need none.
func signal(pids []int, s syscall.Signal) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("send %s to process %d: %w", s, pid, err)
		}
	}
	return nil
}

package claims

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodesKept restarts both agents and lets them enforce a new pod of the guest, and compares the nodes' own rules
// before, while that pod runs and after it has gone: all rules and sets but those that bear our prefixes. What is started
// belongs to no Service, so that kube-proxy has nothing to change.
func (w *World) nodesKept(ctx context.Context) (observed string, err error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	nodes := []string{}
	for _, guest := range guests {
		nodes = append(nodes, guest.Spec.NodeName)
	}
	looks := make([]map[string]nodeFilter, 3) // before, while and after
	if looks[0], err = w.readNodes(ctx, nodes); err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, w.removeNewcomers(context.WithoutCancel(ctx), guests))
	}()
	if err := w.restartAgents(ctx); err != nil {
		return "", err
	}
	group, bounded := errgroup.WithContext(ctx)
	for _, guest := range guests {
		group.Go(func() error { return w.enforceNewcomer(bounded, guest) })
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	if looks[1], err = w.readNodes(ctx, nodes); err != nil {
		return "", err
	}
	if err := w.removeNewcomers(ctx, guests); err != nil {
		return "", err
	}
	if looks[2], err = w.readNodes(ctx, nodes); err != nil {
		return "", err
	}
	lines := []string{}
	for _, node := range nodes {
		line, err := kept(looks[0][node], looks[1][node], looks[2][node])
		if err != nil {
			return "", fmt.Errorf("%s: %w", node, err)
		}
		lines = append(lines, node+": "+line)
	}
	return strings.Join(lines, "; "), nil
}

// readNodes reads what each node holds.
func (w *World) readNodes(ctx context.Context, nodes []string) (map[string]nodeFilter, error) {
	found := map[string]nodeFilter{}
	for _, node := range nodes {
		filter, err := w.readNode(ctx, node)
		if err != nil {
			return nil, fmt.Errorf("rules of node %s: %w", node, err)
		}
		found[node] = filter
	}
	return found, nil
}

// kept compares what is not ours. Where nothing of ours stands, nothing is shown.
func kept(before, while, after nodeFilter) (string, error) {
	if before.others != while.others || before.others != after.others {
		return "", errors.New(tail(difference(before.others, while.others) + difference(before.others, after.others)))
	}
	if before.ours == 0 || while.ours == 0 || after.ours == 0 {
		return "", fmt.Errorf("%d, %d and %d lines bear our prefixes: NetworkPolicy is not enforced there", before.ours, while.ours, after.ours)
	}
	return fmt.Sprintf("%d bytes of others, three times the same, beside %d lines of ours", len(before.others), while.ours), nil
}

func newcomer(guest corev1.Pod) string { return "newcomer-" + guest.Spec.NodeName }

// enforceNewcomer starts a pod of the guest next to another and waits until the agent there has enforced it.
func (w *World) enforceNewcomer(ctx context.Context, guest corev1.Pod) error {
	pod := barePod(pharmaSpace, newcomer(guest), guest.Spec.Containers[0].Image)
	pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: guest.Spec.NodeName}
	made, err := w.startPod(ctx, pod)
	if err != nil {
		return err
	}
	_, err = until(ctx, func(ctx context.Context) (any, error) { return w.enforcedPod(ctx, made) })
	return err
}

// removeNewcomers deletes the pods that nodesKept made, and waits until they have gone.
func (w *World) removeNewcomers(ctx context.Context, guests []corev1.Pod) error {
	failed := error(nil)
	for _, guest := range guests {
		failed = errors.Join(failed, w.removePod(ctx, pharmaSpace, newcomer(guest)))
	}
	return failed
}

// barePod is a pod with the guest's program that belongs to no workload and no Service, and ends at once.
func barePod(namespace, name, image string) *corev1.Pod {
	grace, token := int64(0), false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"app": "visiting"}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			AutomountServiceAccountToken:  &token,
			Containers:                    []corev1.Container{{Name: appContainer, Image: image, ImagePullPolicy: corev1.PullIfNotPresent}},
		},
	}
}

// startPod makes the pod, in place of an earlier one of that name, and waits until all of its containers run.
func (w *World) startPod(ctx context.Context, pod *corev1.Pod) (corev1.Pod, error) {
	if err := w.removePod(ctx, pod.Namespace, pod.Name); err != nil {
		return corev1.Pod{}, err
	}
	if _, err := w.kube.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return corev1.Pod{}, fmt.Errorf("start %s: %w", pod.Name, err)
	}
	return until(ctx, func(ctx context.Context) (corev1.Pod, error) {
		now, err := w.kube.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return corev1.Pod{}, fmt.Errorf("read %s: %w", pod.Name, err)
		}
		if now.Status.Phase != corev1.PodRunning {
			return corev1.Pod{}, fmt.Errorf("%s is %s", pod.Name, now.Status.Phase)
		}
		return *now, nil
	})
}

// removePod deletes a pod if it is there, and waits until it has gone.
func (w *World) removePod(ctx context.Context, namespace, name string) error {
	_, err := w.run(ctx, "delete", "pod", "-n", namespace, name, "--ignore-not-found", "--wait", "--timeout=30s")
	return err
}

package claims

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/values/apis"
)

// agentless keeps the agent off one node, and starts pods meanwhile.
func (w *World) agentless(ctx context.Context) (observed string, err error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	away, with := guests[0].Spec.NodeName, guests[len(guests)-1].Spec.NodeName
	if away == with {
		return "", fmt.Errorf("the guest's pods are on one node, %s", away)
	}
	image := guests[0].Spec.Containers[0].Image
	defer func() {
		after := context.WithoutCancel(ctx)
		err = errors.Join(err, w.keepAgentsOff(after, ""), w.removePods(after, pharmaSpace, "by-hand", "waiting", "elsewhere"),
			w.removePods(after, hospitalSpace, "ordinary"))
	}()
	if err := w.keepAgentsOff(ctx, away); err != nil {
		return "", err
	}
	if err := w.offered(ctx, away, false); err != nil {
		return "", err
	}
	pending, err := w.pendingOn(ctx, away, image)
	if err != nil {
		return "", err
	}
	if err := w.confirmsNothing(ctx, away); err != nil {
		return "", err
	}
	if err := w.refusedByKubelet(ctx, away, image); err != nil {
		return "", err
	}
	for _, p := range []*corev1.Pod{pinned(pharmaSpace, "elsewhere", image, with), pinned(hospitalSpace, "ordinary", image, away)} {
		if _, err := w.startPod(ctx, p); err != nil {
			return "", err
		}
	}
	if err := w.keepAgentsOff(ctx, ""); err != nil {
		return "", err
	}
	if err := w.offered(ctx, away, true); err != nil {
		return "", err
	}
	if _, err := until(ctx, func(ctx context.Context) (any, error) { return nil, w.runs(ctx, pharmaSpace, "waiting") }); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %s; kubelet: NodeAffinity; runs on %s; the hospital's runs; started when the agent was back", away, pending, with), nil
}

// pendingOn creates the guest's pod that wants to run on the node, and returns the scheduler's reason.
func (w *World) pendingOn(ctx context.Context, node, image string) (string, error) {
	p := pinned(pharmaSpace, "waiting", image, node)
	if _, err := w.kube.CoreV1().Pods(p.Namespace).Create(ctx, p, metav1.CreateOptions{}); err != nil {
		return "", err
	}
	return until(ctx, func(ctx context.Context) (string, error) {
		now, err := w.kube.CoreV1().Pods(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		for _, c := range now.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && strings.Contains(c.Message, "node affinity/selector") {
				return c.Message, nil
			}
		}
		return "", fmt.Errorf("pod %s on %q: %v", p.Name, now.Spec.NodeName, now.Status.Conditions)
	})
}

// refusedByKubelet binds a pending pod of the guest to the node past the scheduler, as only an administrator can.
func (w *World) refusedByKubelet(ctx context.Context, node, image string) error {
	p := pinned(pharmaSpace, "by-hand", image, node)
	if _, err := w.kube.CoreV1().Pods(p.Namespace).Create(ctx, p, metav1.CreateOptions{}); err != nil {
		return err
	}
	bind := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: p.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: node}}
	if err := w.kube.CoreV1().Pods(p.Namespace).Bind(ctx, bind, metav1.CreateOptions{}); err != nil {
		return err
	}
	_, err := until(ctx, func(ctx context.Context) (any, error) {
		now, err := w.kube.CoreV1().Pods(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
		if err == nil && (now.Status.Phase != corev1.PodFailed || now.Status.Reason != "NodeAffinity") {
			err = fmt.Errorf("pod %s, bound to %s by hand, is %s %s", p.Name, node, now.Status.Phase, now.Status.Reason)
		}
		return nil, err
	})
	return err
}

// keepAgentsOff has the DaemonSet run on every node but one; empty: on every node.
func (w *World) keepAgentsOff(ctx context.Context, node string) error {
	affinity := "null"
	if node != "" {
		affinity = fmt.Sprintf(`{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[`+
			`{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"NotIn","values":[%q]}]}]}}}`, node)
	}
	patch := []byte(`{"spec":{"template":{"spec":{"affinity":` + affinity + `}}}}`)
	_, err := w.kube.AppsV1().DaemonSets(apis.SystemNamespace).Patch(ctx, agentName, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return err
	}
	return w.rollouts(apis.SystemNamespace, "daemonset/"+agentName)(ctx)
}

// offered waits until the node is offered to foreign pods, or is not.
func (w *World) offered(ctx context.Context, node string, want bool) error {
	_, err := until(ctx, func(ctx context.Context) (any, error) {
		n, err := w.kube.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
		if err == nil && (n.Labels[apis.LabelEnforced] == apis.EnforcedTrue) != want {
			err = fmt.Errorf("node %s: %s=%q", node, apis.LabelEnforced, n.Labels[apis.LabelEnforced])
		}
		return nil, err
	})
	return err
}

// allOffered waits until every node is offered to foreign pods: earlier all of the guest's pods would go to the first one.
func (w *World) allOffered(ctx context.Context) error {
	nodes, err := w.kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, node := range nodes.Items {
		if err := w.offered(ctx, node.Name, true); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) runs(ctx context.Context, namespace, name string) error {
	p, err := w.kube.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err == nil && p.Status.Phase != corev1.PodRunning {
		err = fmt.Errorf("pod %s is %s: %v", name, p.Status.Phase, p.Status.Conditions)
	}
	return err
}

func (w *World) removePods(ctx context.Context, namespace string, names ...string) error {
	var problems []error
	for _, name := range names {
		problems = append(problems, w.removePod(ctx, namespace, name))
	}
	return errors.Join(problems...)
}

// pinned is a pod that wants to run on that node, by a label of the node.
func pinned(namespace, name, image, node string) *corev1.Pod {
	p := barePod(namespace, name, image)
	p.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node}
	return p
}

package claims

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/podcapture"
)

const controllerName = "data-space-controller"

// labelLost removes the label that makes the guest's namespace foreign while no controller restores it, and attacks as before.
func (w *World) labelLost(ctx context.Context) (observed string, err error) {
	attacks := &containment{world: w}
	err = w.Openly(ctx, func() (err error) {
		defer func() {
			after, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			err = errors.Join(err, w.scaleController(after, 1), w.labelReturns(after))
		}()
		if err := w.scaleController(ctx, 0); err != nil {
			return err
		}
		if _, err := w.run(ctx, "label", "namespace", pharmaSpace, apis.LabelRemoteCluster+"-"); err != nil {
			return err
		}
		observed, err = captured(func() (string, podcapture.Verdict, error) { return attacks.attempt(ctx) })
		if err != nil {
			return err
		}
		control, err := attacks.escapes(ctx)
		if err != nil {
			return err
		}
		observed += "; unguarded " + control
		return w.stillGuarded(ctx)
	})
	if err != nil {
		return "", err
	}
	if _, err := w.results(ctx); err != nil {
		return "", err
	}
	return observed + "; the controller restores the label, /results works", nil
}

// stillGuarded returns an error unless the agents report the guest's pods as this guest's and enforced, and a new pod there gets its proxy.
func (w *World) stillGuarded(ctx context.Context) error {
	guests, err := w.guests(ctx)
	if err != nil {
		return err
	}
	for _, pod := range guests {
		endpoint, err := w.enforcedPod(ctx, pod)
		if err != nil {
			return err
		}
		if endpoint.Guest != pharmaCluster {
			return fmt.Errorf("%s is of guest %q by its agent", pod.Name, endpoint.Guest)
		}
	}
	answer, err := w.kube.CoreV1().Pods(pharmaSpace).Create(ctx, pinned(pharmaSpace, "after-label", guests[0].Spec.Containers[0].Image, guests[0].Spec.NodeName),
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return fmt.Errorf("create a pod: %w", err)
	}
	if len(answer.Spec.InitContainers) == 0 || answer.Spec.InitContainers[0].Name != apis.ProxyContainerName {
		return errors.New("a new pod gets no proxy")
	}
	return nil
}

func (w *World) scaleController(ctx context.Context, replicas int) error {
	_, err := w.run(ctx, "scale", "-n", apis.SystemNamespace, "deployment/"+controllerName, fmt.Sprintf("--replicas=%d", replicas))
	if err != nil {
		return err
	}
	if replicas > 0 {
		return w.rollouts(apis.SystemNamespace, "deployment/"+controllerName)(ctx)
	}
	_, err = w.run(ctx, "wait", "pods", "-n", apis.SystemNamespace, "-l", "app.kubernetes.io/name="+controllerName, "--for=delete", "--timeout=40s")
	return err
}

// labelReturns waits until the namespace has the label again.
func (w *World) labelReturns(ctx context.Context) error {
	_, err := until(ctx, func(ctx context.Context) (any, error) {
		ns, err := w.kube.CoreV1().Namespaces().Get(ctx, pharmaSpace, metav1.GetOptions{})
		if err == nil && ns.Labels[apis.LabelRemoteCluster] != pharmaCluster {
			err = fmt.Errorf("the label of %s is %q", pharmaSpace, strings.TrimSpace(ns.Labels[apis.LabelRemoteCluster]))
		}
		return nil, err
	})
	return err
}

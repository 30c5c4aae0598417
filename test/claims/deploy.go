package claims

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// Deploy installs Data Spacer and the scenario's workloads as a user would, and waits until all of it runs.
// It changes nothing where all is there already.
func (w *World) Deploy(ctx context.Context) error {
	for _, step := range []struct {
		what  string
		limit time.Duration
		do    func(ctx context.Context) error
	}{
		{"kubectl apply -k demo/install", 2 * time.Minute, w.apply("-k", "demo/install")},
		{"the API proxy has a certificate", 60 * time.Second, w.windowCertificate},
		{"the controller, the resolver, the webhook, the API proxy and both agents run", 120 * time.Second, w.rollouts(apis.SystemNamespace,
			"deployment/data-space-controller", "deployment/data-space-resolver", "deployment/data-space-webhook", "deployment/"+windowName, "daemonset/data-space-agent")},
		{"the webhook answers the API server", 60 * time.Second, w.webhookAnswers},
		{"each agent vouches for its node", 60 * time.Second, w.allOffered},
		{"kubectl apply -k demo/manifests", 2 * time.Minute, w.apply("-k", "demo/manifests")},
		{"the hospital's services run", 90 * time.Second, w.rollouts(hospitalSpace, "deployment/hospital")},
		{"the restricted service runs", 60 * time.Second, w.rollouts(restrictedSpace, "deployment/restricted")},
		{"the visitor runs", 60 * time.Second, w.visitorReady},
		{"the guest's pods run, each with its proxy", 120 * time.Second, w.rollouts(pharmaSpace, "deployment/pharma")},
	} {
		bounded, cancel := context.WithTimeout(ctx, step.limit)
		err := step.do(bounded)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		w.say("%s", step.what)
	}
	return nil
}

func (w *World) apply(args ...string) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		_, err := w.run(ctx, append([]string{"apply"}, args...)...)
		return err
	}
}

func (w *World) rollouts(namespace string, names ...string) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		for _, name := range names {
			left := time.Minute
			if deadline, set := ctx.Deadline(); set {
				left = time.Until(deadline) - time.Second
			}
			_, err := w.run(ctx, "rollout", "status", "-n", namespace, name, "--timeout", left.Truncate(time.Second).String())
			if err != nil {
				return fmt.Errorf("%w; %s", err, w.unwell(context.WithoutCancel(ctx), namespace))
			}
		}
		return nil
	}
}

// unwell names the containers of a namespace that are not ready, with the reason and the last line of their log.
func (w *World) unwell(ctx context.Context, namespace string) string {
	list, err := w.kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	lines, one := []string{}, int64(1)
	for _, pod := range list.Items {
		if pod.Status.Phase == corev1.PodPending && len(pod.Status.ContainerStatuses) == 0 {
			lines = append(lines, pod.Name+" is pending")
		}
		for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			if status.Ready || status.State.Terminated != nil {
				continue
			}
			reason := "not ready"
			if status.State.Waiting != nil {
				reason = status.State.Waiting.Reason + " " + status.State.Waiting.Message
			}
			log, _ := w.kube.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: status.Name, TailLines: &one}).DoRaw(ctx)
			lines = append(lines, fmt.Sprintf("%s/%s: %s: %s", pod.Name, status.Name, reason, tail(string(log))))
		}
	}
	return strings.Join(lines, "; ")
}

// webhookAnswers waits until a guest's namespace and pods can be created. Until then the API server refuses them: the
// webhook's configurations have no CA yet, or the node's Service proxy does not know the webhook's endpoints yet.
func (w *World) webhookAnswers(ctx context.Context) error {
	const name = "trial-space"
	trial := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{apis.LabelRemoteCluster: name}}}
	_, err := until(ctx, func(ctx context.Context) (any, error) {
		hooks, err := w.kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, "data-space-webhook", metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read the webhook's configuration: %w", err)
		}
		for _, hook := range hooks.Webhooks {
			if len(hook.ClientConfig.CABundle) == 0 {
				return nil, fmt.Errorf("webhook %s has no CA yet", hook.Name)
			}
		}
		return w.kube.CoreV1().Namespaces().Create(ctx, trial, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	})
	return err
}

func (w *World) visitorReady(ctx context.Context) error {
	_, err := w.run(ctx, "wait", "-n", hospitalSpace, "pod/"+visitor, "--for=condition=Ready", "--timeout=60s")
	return err
}

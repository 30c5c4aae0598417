package claims

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/values/apis"
)

// workloadSpace is a namespace of the hospital's in which each workload gets a NetworkPolicy.
const workloadSpace = "workload-space"

// workloadPolicies calls a Service that a workload's environment names, and its neighbour, before the namespace is labelled and after.
func (w *World) workloadPolicies(ctx context.Context) (observed string, err error) {
	if err := w.emptySpace(ctx); err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, w.kube.CoreV1().Namespaces().Delete(context.WithoutCancel(ctx), workloadSpace, metav1.DeleteOptions{}))
	}()
	pods, err := w.workloads(ctx)
	if err != nil {
		return "", err
	}
	for _, service := range []string{"db", "neighbour"} { // the control
		if _, err := until(ctx, func(ctx context.Context) (string, error) { return w.fromWeb(ctx, service) }); err != nil {
			return "", fmt.Errorf("before the label, %s does not answer: %w", service, err)
		}
	}
	labelled := []byte(`{"metadata":{"labels":{"` + apis.LabelWorkloadNetpol + `":"true"}}}`)
	if _, err := w.kube.CoreV1().Namespaces().Patch(ctx, workloadSpace, types.MergePatchType, labelled, metav1.PatchOptions{}); err != nil {
		return "", err
	}
	began := time.Now()
	if _, err := until(ctx, func(ctx context.Context) (any, error) { return nil, w.named(ctx) }); err != nil {
		return "", err
	}
	took := time.Since(began).Round(100 * time.Millisecond)
	why, err := w.explained(ctx, pods)
	return fmt.Sprintf("before the label both answer; %s after it db answers, the neighbour does not; %s", took, why), err
}

// explained asks the agent of web's node about both connections, and returns why the one is allowed.
func (w *World) explained(ctx context.Context, pods map[string]corev1.Pod) (string, error) {
	web, reason := pods["web"], ""
	for _, name := range []string{"neighbour", "db"} {
		said, err := w.Explain(ctx, web.Spec.NodeName, addresses(web)[0], netip.AddrPortFrom(addresses(pods[name])[0], 8080))
		if err != nil {
			return "", err
		}
		if said.Allowed != (name == "db") {
			return "", fmt.Errorf("the agent on %s judges %s otherwise: %s", web.Spec.NodeName, name, said.Text)
		}
		reason = said.Egress.Reason
	}
	if !strings.Contains(reason, "variable DB names Service "+workloadSpace+"/db") {
		return "", fmt.Errorf("the agent on %s does not show why db is allowed: %q", web.Spec.NodeName, reason)
	}
	return reason, nil
}

// named returns nil when the neighbour does not answer and db does.
func (w *World) named(ctx context.Context) error {
	if answer, err := w.fromWeb(ctx, "neighbour"); err == nil {
		return fmt.Errorf("the neighbour, which nothing names, answers: %s", tail(answer))
	}
	if _, err := w.fromWeb(ctx, "db"); err != nil {
		return fmt.Errorf("db, which the environment names, does not answer: %w", err)
	}
	return nil
}

func (w *World) fromWeb(ctx context.Context, service string) (string, error) {
	return w.exec(ctx, workloadSpace, "web", appContainer, "hospital-app", "get", "-X", http.MethodGet, "-timeout", "2s", "http://"+service+"/healthz")
}

// emptySpace makes the namespace, after an earlier one of that name has gone.
func (w *World) emptySpace(ctx context.Context) error {
	spaces := w.kube.CoreV1().Namespaces()
	if err := spaces.Delete(ctx, workloadSpace, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return err
	}
	_, err := until(ctx, func(ctx context.Context) (*corev1.Namespace, error) {
		return spaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: workloadSpace}}, metav1.CreateOptions{})
	})
	if err != nil {
		return fmt.Errorf("make namespace %s: %w", workloadSpace, err)
	}
	_, err = until(ctx, func(ctx context.Context) (*corev1.ServiceAccount, error) {
		return w.kube.CoreV1().ServiceAccounts(workloadSpace).Get(ctx, "default", metav1.GetOptions{})
	})
	return err
}

// workloads starts web on one node, and db and its neighbour on the other.
func (w *World) workloads(ctx context.Context) (map[string]corev1.Pod, error) {
	hosts, err := w.pods(ctx, hospitalSpace, "app=hospital")
	if err != nil {
		return nil, err
	}
	here, there := hosts[0].Spec.NodeName, hosts[len(hosts)-1].Spec.NodeName
	if here == there {
		return nil, fmt.Errorf("the hospital's pods are on one node, %s", here)
	}
	started := map[string]corev1.Pod{}
	for name, node := range map[string]string{"web": here, "db": there, "neighbour": there} {
		p := pinned(workloadSpace, name, hosts[0].Spec.Containers[0].Image, node)
		p.Labels = map[string]string{"app": name}
		p.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}
		if name == "web" {
			p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "DB", Value: "http://db/patients"}}
		}
		if started[name], err = w.startPod(ctx, p); err != nil {
			return nil, err
		}
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{
			Selector: p.Labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}},
		}}
		if _, err := w.kube.CoreV1().Services(workloadSpace).Create(ctx, service, metav1.CreateOptions{}); err != nil {
			return nil, err
		}
	}
	return started, nil
}

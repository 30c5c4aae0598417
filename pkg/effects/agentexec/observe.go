package agentexec

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"data-space.liqo.io/pkg/decisions/doctor"
	"data-space.liqo.io/pkg/values/apis"
)

// Observe returns what the API server has of the nodes, of other data planes, of Liqo, of our own programs and of guests' namespaces. What it
// does not give the caller is in Unreadable.
func (c *Cluster) Observe(ctx context.Context) doctor.Observations {
	o := doctor.Observations{Config: map[string]string{}, Felix: map[string]string{}}
	for what, read := range map[string]func(context.Context, *doctor.Observations) error{
		"nodes": c.observeNodes, "Deployments and DaemonSets": c.observeWorkloads, "ConfigMaps of kube-system": c.observeConfig, "Calico's FelixConfiguration": c.observeFelix,
		"namespaces": c.observeNamespaces, "webhook configurations and admission policies": c.observeAdmission,
	} {
		if err := read(ctx, &o); err != nil {
			o.Unreadable = append(o.Unreadable, fmt.Sprintf("%s cannot be read (%v)", what, err))
		}
	}
	slices.Sort(o.Unreadable)
	return o
}

func (c *Cluster) observeNodes(ctx context.Context, o *doctor.Observations) error {
	list, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	pods, err := c.client.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return err
	}
	for i := range list.Items {
		n := &list.Items[i]
		seen := doctor.Node{Name: n.Name, Kernel: n.Status.NodeInfo.KernelVersion, Offered: n.Labels[apis.LabelEnforced] == apis.EnforcedTrue}
		for j := range pods.Items {
			if pod := &pods.Items[j]; pod.Spec.NodeName == n.Name && !seen.Running {
				seen.HasAgent, seen.Running = true, agentOf(pod).Running
				if !seen.Running {
					seen.Trouble = c.trouble(ctx, pod)
				}
			}
		}
		o.Nodes = append(o.Nodes, seen)
	}
	return nil
}

// lastLines is how much of an agent's log is read: its last line has the reason for which it ended.
const lastLines, maxTrouble = 1, 2 << 10

// trouble returns why the agent of a pod does not run, as its pod and its log show it.
func (c *Cluster) trouble(ctx context.Context, pod *corev1.Pod) string {
	var texts []string
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name == container && s.State.Waiting != nil {
			texts = append(texts, s.State.Waiting.Reason, s.State.Waiting.Message)
		}
	}
	request := c.client.CoreV1().Pods(c.namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container, Previous: true, TailLines: ptr.To[int64](lastLines)})
	if last, err := request.Stream(ctx); err == nil {
		text, _ := io.ReadAll(io.LimitReader(last, maxTrouble)) // what arrived of it will do
		_ = last.Close()
		texts = append(texts, string(text))
	}
	return strings.TrimSpace(strings.Join(texts, " "))
}

func (c *Cluster) observeWorkloads(ctx context.Context, o *doctor.Observations) error {
	deployments, err := c.client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		o.Workloads = append(o.Workloads, workload(d.ObjectMeta, d.Spec.Template.Spec, ptr.Deref(d.Spec.Replicas, 1), d.Status.ReadyReplicas))
	}
	sets, err := c.client.AppsV1().DaemonSets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, d := range sets.Items {
		o.Workloads = append(o.Workloads, daemons(d))
	}
	return nil
}

func daemons(d appsv1.DaemonSet) doctor.Workload {
	return workload(d.ObjectMeta, d.Spec.Template.Spec, d.Status.DesiredNumberScheduled, d.Status.NumberReady)
}

func workload(meta metav1.ObjectMeta, spec corev1.PodSpec, wanted, ready int32) doctor.Workload {
	w := doctor.Workload{Namespace: meta.Namespace, Name: meta.Name, Wanted: wanted, Ready: ready}
	for _, container := range spec.Containers {
		w.Args = slices.Concat(w.Args, container.Command, container.Args)
	}
	return w
}

func (c *Cluster) observeConfig(ctx context.Context, o *doctor.Observations) error {
	for _, name := range []string{"cilium-config", "kube-proxy"} {
		m, err := c.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		for key, value := range m.Data {
			o.Config[metav1.NamespaceSystem+"/"+name+"/"+key] = value
		}
	}
	return nil
}

func (c *Cluster) observeFelix(ctx context.Context, o *doctor.Observations) error {
	raw, err := c.client.CoreV1().RESTClient().Get().AbsPath("/apis/crd.projectcalico.org/v1/felixconfigurations/default").DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var felix struct{ Spec map[string]any }
	if err := json.Unmarshal(raw, &felix); err != nil {
		return err
	}
	for key, value := range felix.Spec {
		o.Felix[key] = fmt.Sprint(value)
	}
	return nil
}

func (c *Cluster) observeNamespaces(ctx context.Context, o *doctor.Observations) error {
	list, err := c.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		ns := &list.Items[i]
		n := doctor.Namespace{
			Name: ns.Name, Label: ns.Labels[apis.LabelRemoteCluster], Mark: ns.Labels[apis.LabelGuest], Lost: ns.Annotations[apis.AnnotationLabelLost],
			Released: ns.Annotations[apis.AnnotationReleasedFrom], OptedOut: !apis.WebhookEnabled(ns.Labels),
			Map: apis.Guest(apis.Settled(map[string]string{}, ns.Annotations)),
		}
		if _, tenant := ns.Labels[apis.LabelTenantNamespace]; tenant || n.Label+n.Mark+n.Map == "" {
			continue
		}
		o.Namespaces = append(o.Namespaces, n)
	}
	return nil
}

func (c *Cluster) observeAdmission(ctx context.Context, o *doctor.Observations) error {
	hooks, err := c.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range hooks.Items {
		o.Admission = append(o.Admission, hooks.Items[i].Name)
	}
	bindings, err := c.client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range bindings.Items {
		o.Admission = append(o.Admission, bindings.Items[i].Name)
	}
	return nil
}

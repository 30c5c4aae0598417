package controller

import (
	"fmt"
	"log/slog"
	"maps"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
)

// deciders is how many nodes are decided over at a time: each decision writes to the API server only if it changes a node.
const deciders = 4

// TaintPrefixes are how the key of the startup taint may begin; deploy/controller.yaml lets the controller write no other.
// The second is what the cluster autoscaler takes for a taint that goes by itself.
func TaintPrefixes() []string {
	return []string{"data-space.liqo.io/", "startup-taint.cluster-autoscaler.kubernetes.io/data-space"}
}

// narrowToNodes caches of each Node what decides over it, and the agents' Leases.
func narrowToNodes(narrow map[client.Object]cache.ByObject) {
	narrow[&corev1.Node{}] = cache.ByObject{Transform: slimNode}
	narrow[&coordinationv1.Lease{}] = cache.ByObject{
		Namespaces: map[string]cache.Config{apis.SystemNamespace: {}},
		Label:      labels.SelectorFromSet(labels.Set{nodelease.Label: "true"}), Transform: cache.TransformStripManagedFields(),
	}
}

// slimNode keeps the label, the taints, the addresses and the boot id: a Node is some kilobytes, most of them its images.
func slimNode(o any) (any, error) {
	node, ok := o.(*corev1.Node)
	if !ok {
		return o, nil
	}
	slim := &corev1.Node{
		TypeMeta:   node.TypeMeta,
		ObjectMeta: metav1.ObjectMeta{Name: node.Name, UID: node.UID, ResourceVersion: node.ResourceVersion},
		Spec:       corev1.NodeSpec{Taints: node.Spec.Taints, PodCIDRs: node.Spec.PodCIDRs},
		Status:     corev1.NodeStatus{Addresses: node.Status.Addresses, NodeInfo: corev1.NodeSystemInfo{BootID: node.Status.NodeInfo.BootID}},
	}
	if value, set := node.Labels[apis.LabelEnforced]; set {
		slim.Labels = map[string]string{apis.LabelEnforced: value}
	}
	return slim, nil
}

// setupVoucher adds what offers nodes to foreign pods.
func setupVoucher(manager ctrl.Manager, config Config, logger *slog.Logger) error {
	const questions = 8 // within the duration
	touch := &contact{api: manager.GetAPIReader(), period: config.AgentLease / questions, gap: config.AgentLease / 2}
	if err := manager.Add(touch); err != nil {
		return fmt.Errorf("prepare the watch over agents' Leases: %w", err)
	}
	counts, err := newNodeMetrics(metrics.Registry)
	if err != nil {
		return fmt.Errorf("prepare the metrics of nodes: %w", err)
	}
	v := &voucher{
		nodes: manager.GetClient(), live: manager.GetAPIReader(), events: manager.GetEventRecorder(apis.ControllerName), logger: logger,
		leases: newLeaseWatch(config.AgentLease), contact: touch, metrics: counts, duration: config.AgentLease, taint: config.StartupTaint,
	}
	return ctrl.NewControllerManagedBy(manager).Named("data-space-nodes").
		For(&corev1.Node{}, builder.WithPredicates(nodeChanged())).
		Watches(&coordinationv1.Lease{}, v.leases.handler()).
		WithOptions(controller.Options{MaxConcurrentReconciles: deciders}).
		Complete(v)
}

// nodeChanged passes changes of what decides: kubelets write the rest of a Node all the time.
func nodeChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*corev1.Node)
		now, okNow := e.ObjectNew.(*corev1.Node)
		return !okBefore || !okNow || before.Status.NodeInfo.BootID != now.Status.NodeInfo.BootID ||
			!maps.Equal(before.Labels, now.Labels) || len(before.Spec.Taints) != len(now.Spec.Taints)
	}}
}

package nodeoffers

import (
	"fmt"
	"log/slog"
	"maps"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"data-space.liqo.io/pkg/values/apis"
)

// Config has the settings of the offers.
type Config struct {
	// Lease is how long a node is offered to foreign pods after its agent's last renewal.
	Lease time.Duration
	// Taint, if set, is taken off a node that is offered, and put back when the offer ends.
	Taint *corev1.Taint
}

// deciders is how many nodes are decided over at a time: each decision writes to the API server only if it changes a node.
const deciders = 4

// Addition returns what adds the offers to a manager, whose cache has the Nodes and the agents' Leases.
func Addition(config Config, logger *slog.Logger) func(ctrl.Manager) error {
	return func(manager ctrl.Manager) error { return addTo(manager, config, logger) }
}

func addTo(manager ctrl.Manager, config Config, logger *slog.Logger) error {
	const questions = 8 // within the duration
	touch := &contact{api: manager.GetAPIReader(), period: config.Lease / questions, gap: config.Lease / 2}
	if err := manager.Add(touch); err != nil {
		return fmt.Errorf("prepare the watch over agents' Leases: %w", err)
	}
	counts, err := newNodeMetrics(metrics.Registry)
	if err != nil {
		return fmt.Errorf("prepare the metrics of nodes: %w", err)
	}
	v := &voucher{
		nodes: manager.GetClient(), live: manager.GetAPIReader(), events: manager.GetEventRecorder(apis.ControllerName), logger: logger,
		leases: newLeaseWatch(config.Lease), contact: touch, metrics: counts, duration: config.Lease, taint: config.Taint,
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

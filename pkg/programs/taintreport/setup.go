package taintreport

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Addition is what the controller's manager gets for the report. exempt are namespaces whose pods are not judged, beside kube-system and the
// installation's own.
func Addition(exempt []string, logger *slog.Logger) func(ctrl.Manager) error {
	return func(manager ctrl.Manager) error {
		r := &reporter{
			cached: manager.GetCache(), live: manager.GetAPIReader(), writer: manager.GetClient(), exempt: exempt,
			events: manager.GetEventRecorder(apis.ControllerName), logger: logger,
			count: prometheus.NewGaugeVec(prometheus.GaugeOpts{
				Name: "data_space_controller_protected_taint_violations", Help: "Running pods that tolerate a protected taint and would be refused now, by ProtectedTaint.",
			}, []string{"taint"}),
		}
		if err := metrics.Registry.Register(r.count); err != nil {
			return fmt.Errorf("register the metric of violated ProtectedTaints: %w", err)
		}
		all := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
			return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: "all"}}}
		})
		changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
		return ctrl.NewControllerManagedBy(manager).Named("data-space-protectedtaints").
			Watches(&v1alpha1.ProtectedTaint{}, all, changed).
			// What a guest may tolerate.
			Watches(&v1alpha1.GuestPolicy{}, all, changed).
			Complete(r)
	}
}

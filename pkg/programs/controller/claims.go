package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/values/apis"
)

// Reasons of the Events about whose a namespace is.
const (
	ReasonLabelRestored = "GuestLabelRestored" // Liqo's labels were lost or changed, and are as they were
	ReasonReleased      = "GuestReleased"      // the Hospital has released the namespace
)

// claimer keeps the label apis.LabelGuest, and Liqo's own labels equal to it, in several namespaces at a time.
type claimer struct {
	reader   client.Reader // cached
	writer   client.Client
	events   recorder
	logger   *slog.Logger
	restored *prometheus.CounterVec
	lost     prometheus.Gauge
	mu       sync.Mutex
	// without are the namespaces whose labels are lost and not restored yet.
	without map[string]bool
}

func setupClaims(manager ctrl.Manager, logger *slog.Logger) error {
	c := &claimer{
		reader: manager.GetCache(), writer: manager.GetClient(), events: manager.GetEventRecorder(apis.ControllerName), logger: logger,
		restored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "data_space_controller_guest_labels_restored_total", Help: "Times that Liqo's labels of a guest's namespace were lost or changed, and were restored.",
		}, []string{"guest"}),
		lost: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "data_space_controller_guest_labels_lost", Help: "Guests' namespaces whose labels of Liqo's are lost or changed, and could not be restored.",
		}),
		without: map[string]bool{},
	}
	for _, m := range []prometheus.Collector{c.restored, c.lost} {
		if err := metrics.Registry.Register(m); err != nil {
			return fmt.Errorf("register the metrics of guests' labels: %w", err)
		}
	}
	return ctrl.NewControllerManagedBy(manager).Named("data-space-claims").WithOptions(several()).
		For(&corev1.Namespace{}, builder.OnlyMetadata).
		// What gives a guest its rights in the namespace.
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(itsNamespace)).
		Complete(c)
}

// narrowToClaims caches the RoleBindings that Liqo keeps.
func narrowToClaims(narrow map[client.Object]cache.ByObject) {
	narrow[&rbacv1.RoleBinding{}] = cache.ByObject{
		Label: labels.SelectorFromSet(labels.Set{apis.LabelManagedBy: apis.LiqoManager}), Transform: cache.TransformStripManagedFields(),
	}
}

// Reconcile takes the next act about one namespace. What it writes brings the one after it.
func (c *claimer) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := c.reader.Get(ctx, client.ObjectKey{Name: request.Name}, ns)
	if apierrors.IsNotFound(err) {
		c.count(request.Name, false)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("read namespace %s: %w", request.Name, err)
	}
	bindings := &rbacv1.RoleBindingList{}
	if err := c.reader.List(ctx, bindings, client.InNamespace(ns.Name)); err != nil {
		return ctrl.Result{}, fmt.Errorf("list the RoleBindings of namespace %s: %w", ns.Name, err)
	}
	claim := guard.ClaimOf(guard.Witnesses{Name: ns.Name, Labels: ns.Labels, Annotations: ns.Annotations, Bound: guard.BoundGuests(bindings.Items)})
	c.count(ns.Name, claim.Act == guard.Restore)
	if claim.Act == guard.NoAct {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, c.take(ctx, ns, claim)
}

// take writes a claim, unless the namespace has changed since it was read: the cache will show that, and bring the next claim.
func (c *claimer) take(ctx context.Context, ns *metav1.PartialObjectMetadata, claim guard.Claim) error {
	patch, err := json.Marshal(claim.Patch(ns.ResourceVersion))
	if err != nil {
		return fmt.Errorf("encode what is written on namespace %s: %w", ns.Name, err)
	}
	err = c.writer.Patch(ctx, ns.DeepCopy(), client.RawPatch(types.MergePatchType, patch))
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write on namespace %s that it is guest %q's: %w", ns.Name, claim.Guest, err)
	}
	about := &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: ns.Name, UID: ns.UID}}
	switch claim.Act {
	case guard.Restore:
		c.count(ns.Name, false)
		c.restored.WithLabelValues(claim.Guest).Inc()
		c.logger.Warn(claim.Note, "namespace", ns.Name, "guest", claim.Guest, "reason", ReasonLabelRestored)
		c.events.Eventf(about, nil, corev1.EventTypeWarning, ReasonLabelRestored, "RestoreLabel", "%s", claim.Note)
	case guard.Free:
		c.logger.Warn(claim.Note, "namespace", ns.Name, "guest", claim.Guest, "reason", ReasonReleased)
		c.events.Eventf(about, nil, corev1.EventTypeNormal, ReasonReleased, "Release", "%s", claim.Note)
	default:
		c.logger.Info("namespace marked as a guest's", "namespace", ns.Name, "guest", claim.Guest)
	}
	return nil
}

// count keeps the metric at the number of namespaces whose labels are lost.
func (c *claimer) count(namespace string, lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if lost {
		c.without[namespace] = true
	} else {
		delete(c.without, namespace)
	}
	c.lost.Set(float64(len(c.without)))
}

package controller

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// setupGuests adds what keeps the marks of guests' namespaces, the NetworkPolicies of GuestPolicies, and the status of these.
func setupGuests(manager ctrl.Manager, config Config, logger *slog.Logger) error {
	own, err := newGuestCache(manager)
	if err != nil {
		return err
	}
	by := followed{kinds: manager.GetRESTMapper(), live: manager.GetAPIReader(), store: own, logger: logger}
	cluster := clusterReader{nodes: manager.GetCache(), own: own, peers: newPeers(by), more: config.ClosedNetworks,
		names: newNames(config.NamesServer, logger), domain: config.Resolver.ClusterDomain}
	if err := setupNetworks(manager, config, cluster, own, logger); err != nil {
		return err
	}
	k := &guestKeeper{
		reader: manager.GetCache(), writer: manager.GetClient(), events: manager.GetEventRecorder(apis.ControllerName), logger: logger,
		kinds: manager.GetRESTMapper(), cluster: cluster, reports: newGuestReports(),
		tenants: newTenants(by, func(ctx context.Context) []reconcile.Request {
			return itsGuests(manager.GetCache())(ctx, &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.DefaultGuestPolicy}})
		}),
		suspended: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "data_space_controller_guest_suspended", Help: "Whether a guest is suspended by its GuestPolicy.",
		}, []string{"guest"}),
	}
	if err := metrics.Registry.Register(k.suspended); err != nil {
		return fmt.Errorf("register the metric of suspended guests: %w", err)
	}
	b := ctrl.NewControllerManagedBy(manager).Named("data-space-guests")
	for _, c := range classKinds() { // whether the classes that a GuestPolicy names exist
		b = b.WatchesMetadata(metadataOf(c.kind), handler.EnqueueRequestsFromMapFunc(naming(manager.GetCache(), c)))
	}
	return b.
		Watches(&v1alpha1.GuestPolicy{}, handler.EnqueueRequestsFromMapFunc(itsGuests(manager.GetCache()))).
		// A namespace that becomes a guest's, or whose marks change.
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(itsGuest), builder.OnlyMetadata).
		WatchesRawSource(k.tenants).
		// What agents report of its pods.
		Watches(&coordinationv1.Lease{}, k.reports.handler()).
		// Where nodes are decides what a section network opens.
		Watches(&corev1.Node{}, coalesced(withNetworks(manager.GetCache())), builder.WithPredicates(nodeMoved())).
		WatchesRawSource(cluster.peers.source(withNetworks(manager.GetCache()))).
		WatchesRawSource(cluster.names.source(withNetworks(manager.GetCache()), func(context.Context) {})).
		WatchesRawSource(source.Kind[client.Object](own, &discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(withNetworks(manager.GetCache())))).
		Complete(k)
}

// withNetworks returns the GuestPolicies that have a section network.
func withNetworks(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, _ client.Object) []reconcile.Request {
		policies := &v1alpha1.GuestPolicyList{}
		if reader.List(ctx, policies) != nil {
			return nil // the cache ends only with the program
		}
		var requests []reconcile.Request
		for _, p := range policies.Items {
			if p.Spec.Network != nil {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Name: p.Name}})
			}
		}
		return requests
	}
}

func itsGuest(_ context.Context, ns client.Object) []reconcile.Request {
	guest, named := apis.Settled(ns.GetLabels(), ns.GetAnnotations())[apis.LabelRemoteCluster]
	if !named {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: cmp.Or(guest, v1alpha1.DefaultGuestPolicy)}}}
}

// itsGuests returns the guest of a GuestPolicy, and of the one named default all guests.
func itsGuests(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, policy client.Object) []reconcile.Request {
		requests := []reconcile.Request{{NamespacedName: client.ObjectKey{Name: policy.GetName()}}}
		if policy.GetName() != v1alpha1.DefaultGuestPolicy {
			return requests
		}
		guests := sets.New[string]()
		spaces := &metav1.PartialObjectMetadataList{}
		spaces.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
		policies := &v1alpha1.GuestPolicyList{}
		if reader.List(ctx, spaces) != nil || reader.List(ctx, policies) != nil {
			return requests // the cache ends only with the program
		}
		for _, ns := range spaces.Items {
			guests.Insert(apis.Guest(apis.Settled(ns.Labels, ns.Annotations)))
		}
		for _, p := range policies.Items {
			guests.Insert(p.Name)
		}
		guests.Delete("", v1alpha1.DefaultGuestPolicy)
		for _, guest := range sets.List(guests) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Name: guest}})
		}
		return requests
	}
}

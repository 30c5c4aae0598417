package controller

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// newGuestCache holds what keeps guests' networks besides the manager's cache, which selects NetworkPolicies by another name.
func newGuestCache(manager ctrl.Manager) (cache.Cache, error) {
	store, err := cache.New(manager.GetConfig(), cache.Options{
		HTTPClient: manager.GetHTTPClient(), Scheme: manager.GetScheme(), Mapper: manager.GetRESTMapper(),
		DefaultTransform: slimOptional,
		ByObject: map[client.Object]cache.ByObject{
			&networkingv1.NetworkPolicy{}: {Field: named(apis.GuestNetworkPolicyName)},
			&discoveryv1.EndpointSlice{}: {Namespaces: map[string]cache.Config{
				corev1.NamespaceDefault: {FieldSelector: named(apiServerSlice), Transform: cache.TransformStripManagedFields()},
			}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the cache of guests' networks: %w", err)
	}
	return store, manager.Add(store)
}

// setupNetworks adds what keeps the NetworkPolicies of GuestPolicies.
func setupNetworks(manager ctrl.Manager, config Config, cluster clusterReader, own cache.Cache, logger *slog.Logger) error {
	k := &networkKeeper{
		reconciler: &reconciler{settler: settlerFor(manager, logger), reader: manager.GetCache(), config: config}, cluster: cluster,
	}
	ofGuest, every := itsNamespaces(manager.GetCache()), everyGuest(manager.GetCache())
	if err := setupAnswers(manager, k); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(manager).Named("data-space-guest-networks").WithOptions(several()).
		For(&corev1.Namespace{}, builder.OnlyMetadata).
		Watches(&v1alpha1.GuestPolicy{}, handler.EnqueueRequestsFromMapFunc(ofGuest), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		// Where nodes and the API server are is left out of what is opened.
		Watches(&corev1.Node{}, coalesced(every), builder.WithPredicates(nodeMoved())).
		WatchesMetadata(installationRole(), handler.EnqueueRequestsFromMapFunc(every)).
		WatchesRawSource(source.Kind[client.Object](own, &discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(every))).
		WatchesRawSource(cluster.peers.source(every)).
		WatchesRawSource(cluster.names.source(every, func(context.Context) {})).
		// What is edited or deleted is restored.
		WatchesRawSource(source.Kind[client.Object](own, &networkingv1.NetworkPolicy{}, handler.EnqueueRequestsFromMapFunc(itsNamespace))).
		Complete(k)
}

// nodeMoved passes changes of a node's addresses and of its pods' networks.
func nodeMoved() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*corev1.Node)
		now, okNow := e.ObjectNew.(*corev1.Node)
		return !okBefore || !okNow || !slices.Equal(nodePrefixes(before), nodePrefixes(now))
	}}
}

package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"data-space.liqo.io/pkg/effects/factlines"
	"data-space.liqo.io/pkg/effects/metricsauth"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Run keeps the cluster's foreign namespaces guarded until ctx ends. It first asks the API server whether it may, so
// that a refusal is one error and not an endless retry. Each of more adds a controller of its own.
func Run(ctx context.Context, cluster *rest.Config, config Config, logger *slog.Logger, more ...func(ctrl.Manager) error) error {
	if err := preflight(ctx, cluster); err != nil {
		return err
	}
	manager, err := newManager(cluster, config)
	if err != nil {
		return err
	}
	if err := setup(manager, config, logger); err != nil {
		return err
	}
	if err := setupConfigFacts(manager, factlines.From(ctx)); err != nil {
		return err
	}
	for _, add := range more {
		if err := add(manager); err != nil {
			return err
		}
	}
	logger.Info("starting", "leaderElection", config.LeaderElect)
	return manager.Start(ctx)
}

// newManager returns a manager whose caches hold what decisions read and no more: in a large cluster the caches are most of the memory of the
// controller. It is ready once they are filled.
func newManager(cluster *rest.Config, config Config) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("register the kinds: %w", err)
	}
	// A guest with many namespaces is suspended at once: the API server's own priorities bound what the controller asks.
	cluster = rest.CopyConfig(cluster)
	cluster.QPS, cluster.Burst = 100, 200
	manager, err := ctrl.NewManager(cluster, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cache.Options{ByObject: narrowed(config)},
		LeaderElection:                config.LeaderElect,
		LeaderElectionID:              apis.ControllerName,
		LeaderElectionNamespace:       apis.SystemNamespace,
		LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress:        config.HealthBindAddress,
		Metrics: metricsserver.Options{
			BindAddress:    config.MetricsBindAddress,
			SecureServing:  true,
			TLSOpts:        metricsauth.NewCertificate(config.MetricsCertDir).Options(),
			FilterProvider: filters.WithAuthenticationAndAuthorization,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the controller: %w; check --metrics-bind-address and --health-bind-address", err)
	}
	if err := manager.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return nil, err
	}
	return manager, manager.AddReadyzCheck("caches", func(r *http.Request) error {
		if !manager.GetCache().WaitForCacheSync(r.Context()) {
			return fmt.Errorf("the caches are still being filled")
		}
		return nil
	})
}

// setup adds the controllers of namespaces, of the resolver, of claims and of guests. Each of them watches what its decisions read, and what
// it has made: a change of either by another client brings the next decision.
func setup(manager ctrl.Manager, config Config, logger *slog.Logger) error {
	r := &reconciler{
		settler:   settlerFor(manager, logger),
		reader:    manager.GetCache(),
		resolvers: fixed(config.ClusterDNS),
		config:    config,
		made:      made{},
	}
	if err := metrics.Registry.Register(r.reporter.misnames); err != nil {
		return fmt.Errorf("register the metric of misnamed namespaces: %w", err)
	}
	b := ctrl.NewControllerManagedBy(manager).Named(apis.ControllerName).
		// Its labels say whether it is foreign and what it should have; only they are read.
		For(&corev1.Namespace{}, builder.OnlyMetadata).
		// The proxy's configuration is restored if a client edits or deletes it; a guest may do both.
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(itsNamespace)).
		// The same for the policy; and of both, one that is left over in a namespace that stopped being foreign while
		// the controller was down is found by the first list.
		Watches(&networkingv1.NetworkPolicy{}, handler.EnqueueRequestsFromMapFunc(itsNamespace)).
		// It owns both, by its UID.
		WatchesMetadata(installationRole(), handler.EnqueueRequestsFromMapFunc(everyGuest(manager.GetCache())))
	if len(config.ClusterDNS) == 0 {
		r.resolvers = discovered{manager.GetCache(), client.ObjectKey{Namespace: config.DNS.Namespace, Name: config.DNSService}}
		// Its addresses are in every proxy's configuration.
		b = b.Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(everyGuest(manager.GetCache())))
	}
	if config.ownResolver() {
		if err := setupResolver(manager, config, logger); err != nil {
			return err
		}
	}
	if err := setupClaims(manager, logger); err != nil {
		return err
	}
	if err := setupGuests(manager, config, logger); err != nil {
		return fmt.Errorf("keep guests as their GuestPolicies say: %w; apply deploy, whose crds define the kind", err)
	}
	return b.Complete(r)
}

func settlerFor(manager ctrl.Manager, logger *slog.Logger) settler {
	return settler{
		writer:   manager.GetClient(),
		reporter: newReporter(manager.GetEventRecorder(apis.ControllerName), logger),
	}
}

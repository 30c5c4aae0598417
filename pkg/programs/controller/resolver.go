package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/decisions/resolver"
	"data-space.liqo.io/pkg/values/apis"
)

// Reasons of the Events that the controller puts on the resolver's Service.
const (
	ReasonResolverDown = "ResolverDown" // no replica answers: the guests' pods have no names
	ReasonResolverUp   = "ResolverUp"   // one answers again
)

// resolverGrace is how long the resolver may be down before an Event says so: as long as its pods take to start.
const resolverGrace = 15 * time.Second

// keeper keeps the guests' resolver configured, and says when none of its replicas answers.
type keeper struct {
	settler
	reader   client.Reader
	settings resolver.Settings
	// downSince is zero while a replica answers; told says that an Event has told that none does.
	downSince time.Time
	told      bool
}

// narrowToResolver lets into the caches, besides what is there, what the keeper reads.
func narrowToResolver(narrow map[client.Object]cache.ByObject) {
	for kind, by := range narrow {
		if _, found := kind.(*corev1.ConfigMap); found {
			narrow[kind] = cache.ByObject{Namespaces: map[string]cache.Config{
				cache.AllNamespaces:  {FieldSelector: by.Field},
				apis.SystemNamespace: {FieldSelector: named(apis.ResolverName)},
			}}
		}
	}
	narrow[&discoveryv1.EndpointSlice{}] = cache.ByObject{Namespaces: map[string]cache.Config{
		apis.SystemNamespace: {LabelSelector: labels.Set{discoveryv1.LabelServiceName: apis.ResolverName}.AsSelector()},
	}}
}

func setupResolver(manager ctrl.Manager, config Config, logger *slog.Logger) error {
	k := &keeper{settler: settlerFor(manager, logger), reader: manager.GetCache(), settings: config.Resolver}
	theResolver := reconcile.Request{NamespacedName: resolverKey()}
	once := source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		queue.Add(theResolver)
		return nil
	})
	ours := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		if o.GetNamespace() != apis.SystemNamespace {
			return nil
		}
		return []reconcile.Request{theResolver}
	})
	return ctrl.NewControllerManagedBy(manager).Named(apis.ResolverName).
		// Its configuration is wanted whatever else there is.
		WatchesRawSource(once).
		// It is restored if a client edits or deletes it.
		Watches(&corev1.ConfigMap{}, ours).
		// Whether it answers.
		Watches(&discoveryv1.EndpointSlice{}, ours).
		Complete(k)
}

func resolverKey() client.ObjectKey {
	return client.ObjectKey{Namespace: apis.SystemNamespace, Name: apis.ResolverName}
}

// Reconcile writes the configuration, and looks whether the resolver answers.
func (k *keeper) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	want, err := resolver.ConfigMap(k.settings)
	if err != nil {
		return ctrl.Result{}, reconcile.TerminalError(err)
	}
	have, err := get(ctx, k.reader, want.Namespace, want.Name, &corev1.ConfigMap{})
	if err != nil {
		return ctrl.Result{}, err
	}
	ns := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: want.Namespace}}
	configured := k.settle(ctx, ns, guard.ConfigMapStep(want, have), object(want), object(have))
	again, looked := k.look(ctx)
	return ctrl.Result{RequeueAfter: again}, errors.Join(configured, looked)
}

// look says how long until it has to look again; zero: when something changes.
func (k *keeper) look(ctx context.Context) (time.Duration, error) {
	list := &discoveryv1.EndpointSliceList{}
	if err := k.reader.List(ctx, list, client.InNamespace(apis.SystemNamespace)); err != nil {
		return 0, fmt.Errorf("read the endpoints of %s: %w", resolverKey(), err)
	}
	if resolver.Answers(list.Items) {
		if k.told {
			k.tell(ctx, corev1.EventTypeNormal, ReasonResolverUp, "a replica answers: the guests' pods have names again")
		}
		k.downSince, k.told = time.Time{}, false
		return 0, nil
	}
	if k.downSince.IsZero() {
		k.downSince = time.Now()
	}
	if left := resolverGrace - time.Since(k.downSince); left > 0 {
		return left, nil
	}
	if !k.told {
		k.tell(ctx, corev1.EventTypeWarning, ReasonResolverDown,
			"no replica of the resolver is ready: names do not resolve in the guests' pods, whatever server they name, until one is;"+
				" see kubectl -n "+apis.SystemNamespace+" get pods,events")
		k.told = true
	}
	return 0, nil
}

// tell logs the note and makes it an Event on the Service; on one without a UID where there is no Service.
func (k *keeper) tell(ctx context.Context, level, reason, note string) {
	k.reporter.logger.Log(ctx, map[string]slog.Level{corev1.EventTypeWarning: slog.LevelWarn}[level], note, "reason", reason)
	service, err := get(ctx, k.reader, apis.SystemNamespace, apis.ResolverName, &corev1.Service{})
	if err != nil || service == nil {
		service = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: apis.SystemNamespace, Name: apis.ResolverName}}
	}
	k.reporter.events.Eventf(service, nil, level, reason, "Watch", "%s", note)
}

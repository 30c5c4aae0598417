package workloads

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/pkg/values/apis"
)

// everything is the one request: each round decides over the whole cluster, so events of any number are one round.
func everything() reconcile.Request {
	return reconcile.Request{NamespacedName: client.ObjectKey{Name: "everything"}}
}

// Additions are what the controller's manager gets beside its own controllers: none, if the flags leave it off.
func Additions(ctx context.Context, config Config, logger *slog.Logger) []func(ctrl.Manager) error {
	if !config.Enabled {
		return nil
	}
	return []func(ctrl.Manager) error{func(m ctrl.Manager) error { return setup(ctx, m, config, logger) }}
}

// setup adds the controller to a manager.
func setup(ctx context.Context, manager ctrl.Manager, config Config, logger *slog.Logger) error {
	direct, err := newClient(manager)
	if err != nil {
		return fmt.Errorf("prepare the client that writes policies: %w", err)
	}
	known := newSources(nil, direct, config.ClusterDomain)
	reducer := &reducer{secret: rand.Text(), sources: known}
	store, err := newCache(ctx, manager, reducer)
	if err != nil {
		return fmt.Errorf("prepare the caches of workloads: %w", err)
	}
	known.cached, reducer.on = store, func(namespace string) bool { return isOn(ctx, store, config, namespace) }
	if err := manager.Add(store); err != nil {
		return fmt.Errorf("add the caches of workloads: %w", err)
	}
	counts, err := newMeters(metrics.Registry)
	if err != nil {
		return fmt.Errorf("register the metrics of workloads' policies: %w", err)
	}
	r := &rounds{
		config: config, metrics: counts, pace: &pace{},
		world: &snapshot{reader: store, reducer: reducer, sources: known, config: config},
		writer: &writer{
			client: direct, live: direct, metrics: counts, logger: logger,
			stored: map[client.ObjectKey]storedPolicy{}, taken: map[client.ObjectKey]time.Time{},
		},
		reports: &reports{events: manager.GetEventRecorder(apis.ControllerName), logger: logger, told: map[string]string{}},
	}
	b := ctrl.NewControllerManagedBy(manager).Named("data-space-workloads")
	for _, s := range sourcesOf(store, r.pace, r.world.sources) {
		b = b.WatchesRawSource(s)
	}
	return b.Complete(r)
}

// newCache keeps of each object what a policy depends on. It is apart from the manager's own cache, which holds foreign namespaces only.
func newCache(ctx context.Context, manager ctrl.Manager, r *reducer) (cache.Cache, error) {
	shared := true // readers copy what they change
	store, err := cache.New(manager.GetConfig(), cache.Options{
		HTTPClient: manager.GetHTTPClient(), Scheme: manager.GetScheme(), Mapper: manager.GetRESTMapper(),
		DefaultUnsafeDisableDeepCopy: &shared,
		DefaultTransform:             r.reduce,
		NewInformer:                  pagedInformer(r.reduce),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: {Field: fields.AndSelectors(
				fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)), fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)),
			)},
			&discoveryv1.EndpointSlice{}:                                {Label: notKubernetesSlices()},
			&networkingv1.NetworkPolicy{}:                               {Label: having(leastpriv.LabelPolicy), Transform: cache.TransformStripManagedFields()},
			metadata(rbacv1.SchemeGroupVersion.WithKind("ClusterRole")): {Field: fields.OneTermEqualSelector(metav1.ObjectNameField, RoleName)},
		},
	})
	if err != nil {
		return nil, err
	}
	return store, store.IndexField(ctx, &corev1.Pod{}, byAddress, addressesOf)
}

// isOn reports whether the workloads of a namespace get policies. It waits for the list of namespaces; without an answer what workloads mention is
// read later.
func isOn(ctx context.Context, store cache.Cache, config Config, namespace string) bool {
	ctx, cancel := context.WithTimeout(ctx, namespacesWait)
	defer cancel()
	ns := metadata(corev1.SchemeGroupVersion.WithKind(kindNamespace))
	if err := store.Get(ctx, client.ObjectKey{Name: namespace}, ns); err != nil {
		return false
	}
	mode, _ := config.Of(namespace, ns.GetLabels())
	return mode != leastpriv.Off
}

const namespacesWait = 10 * time.Second

// requestRate is how many requests a second are made at most. A namespace of a thousand workloads that is turned on takes seconds; the API
// server's own fairness comes on top.
const requestRate = 200

// newClient reads and writes without a cache.
func newClient(manager ctrl.Manager) (client.Client, error) {
	config := rest.CopyConfig(manager.GetConfig())
	config.QPS, config.Burst = requestRate, requestRate
	return client.New(config, client.Options{HTTPClient: manager.GetHTTPClient(), Scheme: manager.GetScheme(), Mapper: manager.GetRESTMapper()})
}

// sourcesOf watches what a policy depends on.
func sourcesOf(store cache.Cache, p *pace, known *sources) []source.Source {
	return []source.Source{
		// Its labels say whether it is on, whose it is, and what the Hospital allows there.
		watch(store, metadata(corev1.SchemeGroupVersion.WithKind("Namespace")), p),
		// Who owns the policies.
		watch(store, metadata(rbacv1.SchemeGroupVersion.WithKind("ClusterRole")), p),
		// What has a policy.
		watch(store, &appsv1.Deployment{}, p),
		watch(store, &appsv1.StatefulSet{}, p),
		watch(store, &appsv1.DaemonSet{}, p),
		watch(store, &appsv1.ReplicaSet{}, p),
		watch(store, &batchv1.Job{}, p),
		watch(store, &batchv1.CronJob{}, p),
		watch(store, &corev1.Pod{}, p),
		// What the names stand for.
		watch(store, &corev1.Service{}, p),
		watch(store, &discoveryv1.EndpointSlice{}, p),
		// Where the variables come from.
		watch(store, metadata(corev1.SchemeGroupVersion.WithKind("ConfigMap")), p, predicate.NewTypedPredicateFuncs(known.usesMap)),
		// What is there: edits and deletions are undone, and what is left over is found by the first list.
		watch(store, &networkingv1.NetworkPolicy{}, p),
	}
}

func metadata(kind schema.GroupVersionKind) client.Object {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(kind)
	return object
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// watch asks for a round when an object comes, goes, or changes in what is kept of it.
func watch(store cache.Cache, object client.Object, p *pace, only ...predicate.Predicate) source.Source {
	changed := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return !same(e.ObjectOld, e.ObjectNew) }}
	ask := func(q queue) { q.AddAfter(everything(), p.delay(time.Now())) }
	return source.Kind(store, object, handler.Funcs{
		CreateFunc: func(_ context.Context, _ event.CreateEvent, q queue) { ask(q) },
		UpdateFunc: func(_ context.Context, _ event.UpdateEvent, q queue) { ask(q) },
		DeleteFunc: func(_ context.Context, _ event.DeleteEvent, q queue) { ask(q) },
	}, append(only, changed)...)
}

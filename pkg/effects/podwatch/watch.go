package podwatch

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// Watch holds the pods of one node and the labels of all namespaces. The start gate needs both to decide whether a pod is foreign.
// It is safe for concurrent use.
type Watch struct {
	node   string
	log    *slog.Logger
	cache  cache.Cache
	live   client.Client // uncached: to confirm that a namespace does not exist
	synced atomic.Bool
	broken atomic.Value // string: the API server's last error; "" after it answers again
}

// newWatch prepares the watches; Run starts them. No call is made yet.
func newWatch(cfg *rest.Config, node string, log *slog.Logger) (*Watch, error) {
	scheme, mapper, err := kinds()
	if err != nil {
		return nil, err
	}
	w := &Watch{node: node, log: log}
	w.broken.Store("")
	noCopy := true
	w.cache, err = cache.New(cfg, cache.Options{
		Scheme: scheme, Mapper: mapper,
		DefaultWatchErrorHandler: w.onError,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: {
				Field:                 fields.OneTermEqualSelector("spec.nodeName", node),
				Transform:             stripPod,
				UnsafeDisableDeepCopy: &noCopy, // readers below only read
			},
			namespaceMeta(): {
				Transform:             stripNamespace,
				UnsafeDisableDeepCopy: &noCopy,
			},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the watches of the API server: %w", err)
	}
	w.live, err = client.New(cfg, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("prepare the client of the API server: %w", err)
	}
	return w, nil
}

// kinds is a scheme and a REST mapper of the two kinds alone: nothing has to be discovered, so a start needs no more of
// the API server than the watches themselves.
func kinds() (*runtime.Scheme, meta.RESTMapper, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, nil, err
	}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{corev1.SchemeGroupVersion})
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
	return scheme, mapper, nil
}

func namespaceMeta() *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	return m
}

// Run watches until the context ends, calling notify after each change and once when both caches are complete. While the
// API server cannot be reached, it tries again, and Problem returns the reason.
func (w *Watch) Run(ctx context.Context, notify func()) error {
	if err := w.cache.IndexField(ctx, namespaceMeta(), byGuest, guests); err != nil {
		return fmt.Errorf("watch namespaces: %w", err)
	}
	for _, object := range []client.Object{&corev1.Pod{}, namespaceMeta()} {
		informer, err := w.cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch %T: %w", object, err)
		}
		if _, err := informer.AddEventHandler(onAnyChange(notify)); err != nil {
			return fmt.Errorf("watch %T: %w", object, err)
		}
	}
	go w.recover(ctx)
	go func() {
		if w.cache.WaitForCacheSync(ctx) {
			w.synced.Store(true)
			notify()
		}
	}()
	return w.cache.Start(ctx)
}

func onAnyChange(notify func()) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(any, any) { notify() },
		DeleteFunc: func(any) { notify() },
	}
}

// Synced reports whether the first complete lists have arrived.
func (w *Watch) Synced() bool { return w.synced.Load() }

// Pods lists the pods of the node.
func (w *Watch) Pods(ctx context.Context) ([]workload.Pod, error) {
	if !w.Synced() {
		return nil, nil
	}
	var list corev1.PodList
	if err := w.cache.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list the node's pods: %w", err)
	}
	out := make([]workload.Pod, 0, len(list.Items))
	for i := range list.Items {
		out = append(out, reduce(&list.Items[i]))
	}
	return out, nil
}

// byGuest is the index of namespaces by whether they are a guest's.
const (
	byGuest = "guest"
	isGuest = "yes"
)

func guests(object client.Object) []string {
	if _, ok := object.GetLabels()[apis.LabelRemoteCluster]; ok {
		return []string{isGuest}
	}
	return nil
}

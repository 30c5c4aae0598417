package policywatch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	networkingv1client "k8s.io/client-go/kubernetes/typed/networking/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"data-space.liqo.io/pkg/decisions/netpol"
)

// living selects pods that can have an address of their own: for the watch, a pod that finishes is one that is deleted.
const living = "status.phase!=" + string(corev1.PodSucceeded) + ",status.phase!=" + string(corev1.PodFailed)

// Watch watches pods, namespaces and policies of all namespaces.
type Watch struct {
	kinds []kind
	queue *queue
	core  corev1client.CoreV1Interface
	api   *witness
}

// kind is what is watched of one kind.
type kind struct {
	name  string
	of    runtime.Object
	lists cache.ListerWatcher
	store *store
}

// New prepares the watches; Run starts them. No call is made yet.
func New(cfg *rest.Config, log *slog.Logger) (*Watch, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.ContentType, cfg.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	seen := &witness{}
	cfg.Wrap(seen.of)
	core, err := corev1client.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the client of the API server: %w", err)
	}
	networking, err := networkingv1client.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the client of the API server: %w", err)
	}
	all := func(*metav1.ListOptions) {}
	alive := func(o *metav1.ListOptions) { o.FieldSelector = living }
	q := &queue{news: make(chan struct{}, 1), missing: 3}
	return &Watch{queue: q, core: core, api: seen, kinds: []kind{
		{"namespaces", &corev1.Namespace{}, cache.NewFilteredListWatchFromClient(core.RESTClient(), "namespaces", "", all), newStore(q, readNamespace, goneNamespace, stripNamespace)},
		{"networkpolicies", &networkingv1.NetworkPolicy{}, cache.NewFilteredListWatchFromClient(networking.RESTClient(), "networkpolicies", "", all), newStore(q, policies{log}.read, gonePolicy, stripPolicy)},
		{"pods", &corev1.Pod{}, cache.NewFilteredListWatchFromClient(core.RESTClient(), "pods", "", alive), newStore(q, newPods().read, gonePod, stripPod)},
	}}, nil
}

// Run watches until the context ends. The first call of take comes when all three lists are complete, with everything;
// each later one with what has changed since. Calls do not overlap. It waits for an API server that cannot be reached.
func (w *Watch) Run(ctx context.Context, take func([]netpol.Change)) {
	var watches sync.WaitGroup
	defer watches.Wait()
	for _, k := range w.kinds {
		r := cache.NewReflectorWithOptions(k.lists, k.of, k.store, cache.ReflectorOptions{Name: k.name})
		watches.Go(func() { r.RunWithContext(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.queue.news:
			if changes := w.queue.take(); len(changes) > 0 {
				take(changes)
			}
		}
	}
}

// Synced reports whether the first complete lists have arrived.
func (w *Watch) Synced() bool { return w.queue.complete() }

// Problem is why the API server is not heard, or "" while it is.
func (w *Watch) Problem() string { return w.api.problem() }

// queue holds the changes that nobody has taken yet.
type queue struct {
	mu      sync.Mutex
	changes []netpol.Change
	missing int // kinds whose first list has not arrived
	news    chan struct{}
}

func (q *queue) put(changes ...netpol.Change) {
	q.mu.Lock()
	q.changes = append(q.changes, changes...)
	q.mu.Unlock()
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.news <- struct{}{}:
	default: // it is woken already
	}
}

// arrived notes that a kind's first list is in the queue.
func (q *queue) arrived() {
	q.mu.Lock()
	q.missing--
	q.mu.Unlock()
	q.wake()
}

func (q *queue) complete() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.missing == 0
}

// take returns what has come, or nothing while a list is missing.
func (q *queue) take() []netpol.Change {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.missing > 0 {
		return nil
	}
	changes := q.changes
	q.changes = nil
	return changes
}

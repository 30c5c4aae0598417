package policywatch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	networkingv1client "k8s.io/client-go/kubernetes/typed/networking/v1"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/decisions/netpol"
)

// living selects pods that can have an address of their own: for the watch, a pod that finishes is one that is deleted.
const living = "status.phase!=" + string(corev1.PodSucceeded) + ",status.phase!=" + string(corev1.PodFailed)

// gather is the least time between two calls of take: what changes meanwhile costs one write.
const gather = 50 * time.Millisecond

// Watch watches pods, namespaces and policies of all namespaces.
type Watch struct {
	feeds  []*feed
	queue  *queue
	core   corev1client.CoreV1Interface
	named  networkingv1client.NetworkPoliciesGetter
	api    *witness
	synced atomic.Bool
}

// New prepares the watches; Run starts them. No call is made yet.
func New(cfg *rest.Config, log *slog.Logger) (*Watch, error) {
	cfg = rest.CopyConfig(cfg)
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
	w := &Watch{core: core, named: networking, api: seen, queue: newQueue("namespaces", "networkpolicies", "pods")}
	for _, f := range []struct {
		kind   kind
		client rest.Interface
		fields string
	}{{namespaces(), core.RESTClient(), ""}, {policies(log), networking.RESTClient(), ""}, {pods(), core.RESTClient(), living}} {
		calls, err := newCalls(f.client, f.kind.resource, f.fields)
		if err != nil {
			return nil, err
		}
		w.feeds = append(w.feeds, &feed{kind: f.kind, calls: calls, queue: w.queue, log: log, api: seen})
	}
	return w, nil
}

// Run watches until the context ends. It passes changes to take as they come, also those of lists that are not complete,
// and calls synced once: when take has had the first complete lists of all kinds. Calls do not overlap. It waits for an API
// server that cannot be reached.
func (w *Watch) Run(ctx context.Context, take func([]netpol.Change), synced func()) {
	var watches sync.WaitGroup
	defer watches.Wait()
	for _, f := range w.feeds {
		watches.Go(func() { f.run(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.queue.news:
		}
		changes, complete := w.queue.take()
		if len(changes) > 0 {
			take(changes)
		}
		if !complete {
			continue
		}
		if !w.synced.Swap(true) {
			synced()
		}
		pause(ctx, gather)
	}
}

// Synced reports whether the first complete lists were taken.
func (w *Watch) Synced() bool { return w.synced.Load() }

// Problem is why the API server does not answer, or "" while it does.
func (w *Watch) Problem() string { return w.api.problem() }

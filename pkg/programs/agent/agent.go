package agent

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/util/workqueue"

	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/reconcilers/podisolation"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/workload"
)

// Runtime is the node's container runtime.
type Runtime interface {
	// List returns all pod sandboxes with their containers.
	List(context.Context) ([]workload.Sandbox, error)
	// Sandbox looks closer at one of them. errors.Is sandbox.ErrGone if it is no longer there.
	Sandbox(ctx context.Context, id string) (sandbox.Detail, error)
	// Process finds a container's first process. errors.Is sandbox.ErrGone if it has none.
	Process(ctx context.Context, container string) (workload.Process, error)
	// Watch calls notify after each of the runtime's events, until the context ends; live is whether events arrive.
	Watch(ctx context.Context, live *atomic.Bool, notify func())
}

// Cluster is what the API server's watches hold.
type Cluster interface {
	// Run keeps the watches until the context ends, and calls notify after each change.
	Run(ctx context.Context, notify func()) error
	// Synced reports whether the first lists are complete.
	Synced() bool
	// Pods returns the pods of this node.
	Pods(context.Context) ([]workload.Pod, error)
	// Namespaces returns the foreign namespaces.
	Namespaces(context.Context) ([]workload.Namespace, error)
}

// Authority is the API server itself.
type Authority interface {
	// Namespace reads one namespace, past the watch.
	Namespace(ctx context.Context, name string) (space workload.Namespace, found bool, err error)
	// Problem is why the API server does not answer; "": it answers.
	Problem() string
}

// Reporter writes Kubernetes Events on pods.
type Reporter interface {
	// Normal writes an Event of type Normal.
	Normal(namespace, name, uid, reason, message string)
	// Warning writes an Event of type Warning.
	Warning(namespace, name, uid, reason, message string)
}

// Agent is the node's agent. Make it with New, then Run it once.
type Agent struct {
	Config
	runtime    Runtime
	cluster    Cluster
	authority  Authority
	reporter   Reporter
	rules      *podrules.Reconciler
	metrics    *Metrics
	quarantine *podisolation.Quarantine
	conditions Conditions
	frames     *podisolation.Frames
	emit       func(fact.Fact)
	end        func(endpoint.Target) (ended int, err error)
	answered   answers
	queue      workqueue.TypedRateLimitingInterface[string] // pod UIDs
	pods       *store

	events  atomic.Bool   // the runtime's stream of events stands
	relist  atomic.Bool   // the runtime's list may have changed
	changed chan struct{} // something may have changed
	joined  atomic.Int64  // when the last decision was made, Unix nanoseconds
	trouble atomic.Value  // string: why the runtime cannot be listed; "" if it can
}

// Parts is what an Agent works with.
type Parts struct {
	Runtime    Runtime
	Cluster    Cluster
	Authority  Authority
	Reporter   Reporter
	Rules      *podrules.Reconciler
	Metrics    *Metrics
	Quarantine *podisolation.Quarantine // nil: pods are not judged
	Conditions Conditions               // of quarantined pods; nil with Quarantine
	Frames     *podisolation.Frames     // nil: frames are not filtered
	Emit       func(fact.Fact)          // records a fact, without waiting; nil: facts are not recorded
	// Cut ends the connections of a pod that are older than its rules; nil: podisolation.Cut.
	Cut func(endpoint.Target) (ended int, err error)
}

// New returns an Agent that has done nothing yet.
func New(c Config, p Parts) *Agent {
	a := &Agent{
		Config: c, runtime: p.Runtime, cluster: p.Cluster, authority: p.Authority, reporter: p.Reporter,
		rules: p.Rules, metrics: p.Metrics, quarantine: p.Quarantine, conditions: p.Conditions, frames: p.Frames, end: p.Cut, emit: p.Emit,
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)),
		pods:    newStore(),
		changed: make(chan struct{}, 1),
	}
	if a.end == nil {
		a.end = podisolation.Cut
	}
	if a.emit != nil {
		a.pods.changed = a.recordChange
	}
	a.trouble.Store("")
	a.relist.Store(true)
	a.joined.Store(time.Now().UnixNano())
	a.metrics.watch(a.pods, a.events.Load, func() bool { return a.authority.Problem() == "" })
	return a
}

// Run works until the context ends; then it finishes the writes under way and leaves every rule in place.
func (a *Agent) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := a.cluster.Run(ctx, a.notify); err != nil {
			return fmt.Errorf("watch the API server: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		a.runtime.Watch(ctx, &a.events, func() { a.relist.Store(true); a.notify() })
		return nil
	})
	group.Go(func() error { a.decide(ctx); return nil })
	a.rules.NotifyEnded(a.connectionsEnded)
	a.rules.NotifyChanged(a.Again)
	a.rules.NotifyDropped(a.emit)
	group.Go(func() error { a.rules.Run(ctx); return nil })
	for range a.Workers {
		group.Go(func() error { a.work(ctx); return nil })
	}
	group.Go(func() error { <-ctx.Done(); a.queue.ShutDown(); return nil })
	return group.Wait()
}

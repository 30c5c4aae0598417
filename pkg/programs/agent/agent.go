package agent

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/util/workqueue"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/reconcilers/podisolation"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/workload"
)

// Runtime is the node's container runtime.
type Runtime interface {
	List(context.Context) ([]workload.Sandbox, error)
	Sandbox(ctx context.Context, id string) (sandbox.Detail, error)
	Process(ctx context.Context, container string) (workload.Process, error)
	Watch(ctx context.Context, live *atomic.Bool, notify func())
}

// Cluster is what the API server's watches hold.
type Cluster interface {
	Run(ctx context.Context, notify func()) error
	Synced() bool
	Pods(context.Context) ([]workload.Pod, error)
	Namespaces(context.Context) ([]workload.Namespace, error)
}

// Authority is the API server itself.
type Authority interface {
	Namespace(ctx context.Context, name string) (space workload.Namespace, found bool, err error)
	Problem() string
}

// Reporter writes Kubernetes Events on pods.
type Reporter interface {
	Normal(namespace, name, uid, reason, message string)
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
	// Cut ends the connections of a pod that are older than its rules; nil: podisolation.Cut.
	Cut func(endpoint.Target) (ended int, err error)
}

// New returns an Agent that has done nothing yet.
func New(c Config, p Parts) *Agent {
	a := &Agent{
		Config: c, runtime: p.Runtime, cluster: p.Cluster, authority: p.Authority, reporter: p.Reporter,
		rules: p.Rules, metrics: p.Metrics, quarantine: p.Quarantine, conditions: p.Conditions, frames: p.Frames, end: p.Cut,
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)),
		pods:    newStore(),
		changed: make(chan struct{}, 1),
	}
	if a.end == nil {
		a.end = podisolation.Cut
	}
	a.trouble.Store("")
	a.relist.Store(true)
	a.joined.Store(time.Now().UnixNano())
	a.metrics.watch(a)
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
	group.Go(func() error { a.rules.Run(ctx); return nil })
	for range a.Workers {
		group.Go(func() error { a.work(ctx); return nil })
	}
	group.Go(func() error {
		<-ctx.Done()
		a.queue.ShutDown()
		return nil
	})
	return group.Wait()
}

// notify says that something may have changed. It never waits.
func (a *Agent) notify() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// decide makes a decision over all pods after each change and queues those whose decision is another than before.
func (a *Agent) decide(ctx context.Context) {
	var boxes []workload.Sandbox
	for ctx.Err() == nil {
		boxes = a.list(ctx, boxes)
		if err := a.join(ctx, boxes); err != nil {
			a.Log.Error("cannot read the watches' caches", "error", err)
		}
		a.joined.Store(time.Now().UnixNano())
		a.wait(ctx)
	}
}

// wait returns after the next change, or when the runtime is to be listed again.
func (a *Agent) wait(ctx context.Context) {
	period := a.Resync
	if !a.events.Load() {
		period = min(period, noEventsResync)
	}
	timer := time.NewTimer(period)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
		a.relist.Store(true)
	case <-a.changed:
	}
	select {
	case <-ctx.Done():
	case <-time.After(coalesce):
	}
}

// list returns the runtime's sandboxes, or those of before if it does not answer.
func (a *Agent) list(ctx context.Context, before []workload.Sandbox) []workload.Sandbox {
	if !a.relist.Swap(false) && a.trouble.Load() == "" {
		return before
	}
	boxes, err := a.runtime.List(ctx)
	if err == nil {
		if a.trouble.Swap("") != "" {
			a.Log.Info("the container runtime answers again", "socket", a.Socket)
		}
		return boxes
	}
	if ctx.Err() == nil && a.trouble.Swap(err.Error()) == "" {
		a.metrics.Failed(failure.Runtime)
		a.Log.Error("the container runtime does not answer: known pods stay enforced, new ones are not seen", "error", err)
	}
	return before
}

// join makes the decision.
func (a *Agent) join(ctx context.Context, boxes []workload.Sandbox) error {
	// Asked first: if it becomes true in between, the lists are complete and this round treats them as if they were not.
	world := assign.World{Synced: a.cluster.Synced(), Sandboxes: boxes, Guarded: a.rules.Guarded()}
	var err error
	if world.Pods, err = a.cluster.Pods(ctx); err != nil {
		return err
	}
	if world.Namespaces, err = a.cluster.Namespaces(ctx); err != nil {
		return err
	}
	decisions := assign.Join(world)
	listed := a.trouble.Load() == ""
	for _, uid := range a.pods.replace(decisions, world.Synced && listed) {
		a.queue.Add(uid)
	}
	if listed {
		a.sweep(boxes)
	}
	return nil
}

// sweep forgets guarded sandboxes that the runtime no longer runs: their network namespaces are gone.
func (a *Agent) sweep(boxes []workload.Sandbox) {
	alive := map[string]bool{}
	for _, b := range boxes {
		alive[b.ID] = b.Ready
	}
	gone := func(id string) bool { return !alive[id] && !a.rules.Starting(id) }
	if err := a.quarantine.Prune(boxes, gone); err != nil {
		a.metrics.Failed(failure.Wall)
		a.Log.Error("cannot take down the walls of pods that are gone", "error", err)
	}
	if err := a.frames.Prune(gone); err != nil {
		a.metrics.Failed(failure.Frames)
		a.Log.Error("cannot take down the frame filters of pods that are gone", "error", err)
	}
	if err := a.rules.Prune(alive); err != nil {
		a.Log.Error("cannot forget pods that are gone", "error", err)
	}
}

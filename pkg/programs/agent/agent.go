package agent

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/util/workqueue"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/effects/sandbox"
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
	enforcer   *Enforcer
	metrics    *Metrics
	quarantine *Quarantine
	frames     FrameFilter
	dropped    frameTally
	answered   answers
	queue      workqueue.TypedRateLimitingInterface[string] // pod UIDs
	table      *table
	starting   starting // enforced by the gate, not listed by the runtime yet
	bound      bindings // announced by the runtime, perhaps not listed yet
	listeners  *listeners

	events  atomic.Bool   // the runtime's stream of events stands
	relist  atomic.Bool   // the runtime's list may have changed
	changed chan struct{} // something may have changed
	joined  atomic.Int64  // when the last decision was made, Unix nanoseconds
	trouble atomic.Value  // string: why the runtime cannot be listed; "" if it can
	first   firstRound
}

// Parts is what an Agent works with.
type Parts struct {
	Runtime    Runtime
	Cluster    Cluster
	Authority  Authority
	Reporter   Reporter
	Enforcer   *Enforcer
	Metrics    *Metrics
	Quarantine *Quarantine // nil: pods are not judged
	Frames     FrameFilter // nil: frames are not filtered
}

// New returns an Agent that has done nothing yet.
func New(c Config, p Parts) *Agent {
	a := &Agent{
		Config: c, runtime: p.Runtime, cluster: p.Cluster, authority: p.Authority, reporter: p.Reporter,
		enforcer: p.Enforcer, metrics: p.Metrics, quarantine: p.Quarantine, frames: p.Frames,
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)),
		table:     newTable(),
		listeners: newListeners(c.Log),
		changed:   make(chan struct{}, 1),
	}
	a.trouble.Store("")
	a.relist.Store(true)
	a.first.open = map[string]bool{}
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
	group.Go(func() error { a.listeners.run(ctx); return nil })
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
		a.metrics.failure(failure.Runtime)
		a.Log.Error("the container runtime does not answer: known pods stay enforced, new ones are not seen", "error", err)
	}
	return before
}

// join makes the decision.
func (a *Agent) join(ctx context.Context, boxes []workload.Sandbox) error {
	// Asked first: if it becomes true in between, the lists are complete and this round treats them as if they were not.
	world := assign.World{Synced: a.cluster.Synced(), Sandboxes: boxes, Guarded: map[string]string{}}
	var err error
	if world.Pods, err = a.cluster.Pods(ctx); err != nil {
		return err
	}
	if world.Namespaces, err = a.cluster.Namespaces(ctx); err != nil {
		return err
	}
	for id, e := range a.enforcer.ledger.All() {
		world.Guarded[id] = e.Guest
	}
	decisions := assign.Join(world)
	listed := a.trouble.Load() == ""
	var first []string
	if world.Synced && listed {
		first = a.first.begin(decisions)
	}
	// A remembered pod may have been looked at before the lists were complete: its decision is then no change.
	for _, uid := range append(a.table.replace(decisions), first...) {
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
	a.unwall(boxes, alive)
	a.unfilterGone(alive)
	for id, e := range a.enforcer.ledger.All() {
		if alive[id] {
			a.starting.listed(id)
			continue
		}
		if a.starting.holds(id, time.Now()) {
			continue
		}
		if err := a.enforcer.Forget(id); err != nil {
			a.Log.Error("cannot forget a pod that is gone", "namespace", e.Namespace, "pod", e.Name, "error", err)
		}
	}
}

// firstRound is the set of pods that were found at the start and not looked at yet.
type firstRound struct {
	mu    sync.Mutex
	begun bool
	open  map[string]bool
}

// begin notes the pods of the first complete decision, and returns those that are to be looked at.
func (f *firstRound) begin(decisions map[string]assign.Assignment) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun {
		return nil
	}
	f.begun = true
	for uid, d := range decisions {
		if d.Verdict == assign.Enforce {
			f.open[uid] = true
		}
	}
	return slices.Collect(maps.Keys(f.open))
}

// looked says that the pod was looked at, whatever came of it.
func (f *firstRound) looked(uid string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, uid)
}

// over reports whether every pod of the first round was looked at.
func (f *firstRound) over() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.begun && len(f.open) == 0
}

package agent

import (
	"context"
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/workload"
)

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
	if world.Synced {
		a.rules.Suspend(suspended(world.Namespaces))
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

// suspended returns the namespaces whose guest is suspended.
func suspended(spaces []workload.Namespace) map[string]bool {
	found := map[string]bool{}
	for _, n := range spaces {
		if apis.IsSuspended(n.Labels) {
			found[n.Name] = true
		}
	}
	return found
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

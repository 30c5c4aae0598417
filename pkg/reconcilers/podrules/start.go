package podrules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/iptables"
)

// Start makes the target's network namespace hold the rules of a pod whose start is held: its proxy does not run yet.
func (e *Reconciler) Start(ctx context.Context, t endpoint.Target) (Outcome, error) {
	e.memory.hold(t.Sandbox, time.Now())
	return e.Update(ctx, t)
}

// Starting reports whether the sandbox's start was held, and the runtime may still be about to list it.
func (e *Reconciler) Starting(box string) bool { return e.memory.starting(box, time.Now()) }

// Guest returns the guest of a sandbox that is guarded.
func (e *Reconciler) Guest(box string) (guest string, guarded bool) {
	entry, guarded := e.parts.Store.Get(box)
	return entry.Guest, guarded
}

// Guarded returns the guest of each sandbox that is guarded, by the sandbox's id.
func (e *Reconciler) Guarded() map[string]string {
	all := map[string]string{}
	for id, entry := range e.parts.Store.All() {
		all[id] = entry.Guest
	}
	return all
}

// RanUnguarded reports whether a pod ran before anything guarded it: its namespace came to be a guest's later, or there was
// no agent. No entry of it is stored, and its network namespace is not closed.
func (e *Reconciler) RanUnguarded(ctx context.Context, t endpoint.Target) bool {
	if _, guarded := e.Guest(t.Sandbox); guarded {
		return false
	}
	out, err := e.Observe(ctx, t)
	if err != nil {
		return false // Update meets the same error, and returns it
	}
	for _, set := range out.State.Rulesets {
		filter, _ := set.Table("filter")
		if chain, _ := filter.Chain("OUTPUT"); chain.Policy != iptables.Drop {
			return true
		}
	}
	return false
}

// Prune forgets what is remembered of sandboxes that are gone: those that the runtime does not list as running, and that are not
// about to be listed either.
func (e *Reconciler) Prune(alive map[string]bool) error {
	var problems error
	for id, entry := range e.parts.Store.All() {
		switch {
		case alive[id]:
			e.memory.list(id)
		case e.Starting(id):
		default:
			if err := e.forget(id); err != nil {
				problems = errors.Join(problems, fmt.Errorf("%s/%s: %w", entry.Namespace, entry.Name, err))
			}
		}
	}
	return problems
}

func (e *Reconciler) forget(id string) error {
	defer e.memory.lock(id)()
	e.kept.Delete(id)
	e.leave(id)
	return e.parts.Store.Delete(id)
}

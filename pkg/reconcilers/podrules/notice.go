package podrules

import (
	"context"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/iptables"
)

// NotifyChanged has Run call f with a pod's UID when the rules or links of its network namespace may have changed, so that f has the pod
// updated soon. It is called before Run, and f does not wait. Changes of legacy tables and of kernel parameters are not noticed: calls of
// Update in intervals find these.
func (e *Reconciler) NotifyChanged(f func(uid string)) { e.changed = f }

// notice passes on what Events notices, until the context ends.
func (e *Reconciler) notice(ctx context.Context) {
	err := e.parts.Events.Run(ctx, func(sandbox string) {
		if entry, known := e.parts.Store.Get(sandbox); known && e.changed != nil {
			e.changed(entry.UID)
		}
	})
	if err != nil {
		e.parts.Log.Error("changes of rules by other programs are found by the rounds only", "error", err)
	}
}

// listen has Events notice changes in the target's network namespace, and DropLog read what its rules log.
func (e *Reconciler) listen(t endpoint.Target, ns *netns.Namespace) {
	if err := e.parts.Events.Watch(t.Sandbox, ns); err != nil {
		e.parts.Log.Debug("changes of the pod's rules by other programs are found by the rounds only", "pod", t.Endpoint.String(), "error", err)
	}
	if e.parts.DropLog == nil {
		return
	}
	if err := e.parts.DropLog.Watch(t.Sandbox, ns); err != nil {
		e.parts.Log.Warn("the destinations of packets that the pod's rules drop are not recorded", "pod", t.Endpoint.String(), "error", err)
	}
}

// leave forgets what is known of a network namespace beside the Store.
func (e *Reconciler) leave(sandbox string) {
	e.parts.Events.Forget(sandbox)
	if e.parts.DropLog != nil {
		e.parts.DropLog.Forget(sandbox)
	}
	e.verified.Delete(sandbox)
}

// alone removes what may change a packet beside the planned rules, and returns it. What cannot be removed is an error if a proxy would be
// let out beside it. The entry gets what the container runtime has made in the namespace, from when the proxy is bound.
func (e *Reconciler) alone(ctx context.Context, ns *netns.Namespace, t endpoint.Target, last ledger.Entry, entry *ledger.Entry) ([]drift.Finding, error) {
	if last.Netns == entry.Netns {
		entry.Own = last.Own
	}
	if e.parts.Hooks == nil || t.Proxy.Cgroup == "" && last.Plan == "" { // nothing but the container runtime was there yet
		return nil, nil
	}
	strangers, err := e.parts.Hooks.Verify(ctx, ns, entry.Own, true)
	if t.Proxy.Cgroup == "" {
		return strangers, nil // it stays closed
	}
	if err == nil && entry.Own == "" {
		entry.Own, err = e.parts.Hooks.Own(ns)
	}
	return strangers, err
}

// verified is what the kernel was last found to hold in a network namespace.
type verified struct {
	plan  string
	netns uint64
	state dataplane.State
}

// apply makes the network namespace hold the rulesets. It reads them only if the kernel may hold others than when it read them last.
func (e *Reconciler) apply(ctx context.Context, ns *netns.Namespace, desired []iptables.Ruleset, last, entry ledger.Entry) (dataplane.State, error) {
	if rebound(last, entry) {
		e.verified.Delete(entry.Sandbox)
		return e.parts.Dataplane.Rewrite(ctx, ns, desired)
	}
	if v, known := e.verified.Load(entry.Sandbox); known {
		if v := v.(verified); v.plan == entry.Plan && v.netns == entry.Netns { //nolint:forcetypeassert // nothing else is stored
			if now, unchanged := e.parts.Dataplane.Unchanged(ns, v.state); unchanged {
				return now, nil
			}
		}
	}
	state, err := e.parts.Dataplane.Enforce(ctx, ns, desired)
	if err == nil && !state.Wrote {
		e.verified.Store(entry.Sandbox, verified{plan: entry.Plan, netns: entry.Netns, state: state})
	}
	return state, err
}

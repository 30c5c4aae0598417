package podrules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/droplog"
	"data-space.liqo.io/pkg/effects/fault"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netevents"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/podnet"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/reconcilers/socketmemory"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/workload"
)

// writeTimeout bounds one pod's writes. They are not cut short by the end of the program.
const writeTimeout = 30 * time.Second

// Reconciler makes network namespaces hold what is planned for them. It is safe for concurrent use: calls for one sandbox
// wait for each other. Make it with New, and let Run work beside it.
type Reconciler struct {
	settings  redirect.Settings
	parts     Parts
	memory    memory
	listeners *listeners
	keeper    *socketmemory.Keeper
	suspended atomic.Pointer[map[string]bool] // namespaces; nil: not told yet
	kept      sync.Map                        // ids of sandboxes: see KeepSuspension
	verified  sync.Map                        // by id of sandbox, what the kernel was last found to hold: verified
	changed   func(uid string)                // see NotifyChanged; nil: not called
	dropped   func(fact.Fact)                 // see NotifyDropped; nil: not called
}

// New returns a Reconciler that has written nothing yet.
func New(s redirect.Settings, p Parts) *Reconciler {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Open == nil {
		p.Open = netns.OpenPod
	}
	if p.Prepare == nil {
		p.Prepare = podnet.Prepare
	}
	if p.Events == nil {
		p.Events = &netevents.Watcher{}
	}
	if p.DropLog == nil && s.LogDrops && !s.NoLog {
		p.DropLog = droplog.New(redirect.DropGroup)
	}
	if p.Mark == nil {
		p.Mark = func(o sockets.Owner) (sockets.Marked, error) {
			return sockets.MarkListeners(o, redirect.SocketMark, redirect.MarkedPorts()...)
		}
	}
	return &Reconciler{
		settings: s, parts: p, memory: memory{process: p.Process},
		listeners: newListeners(p.Log, p.Mark), keeper: socketmemory.New(p.Log, p.Open),
	}
}

// NotifyEnded has Run call a Notice of connections that it ends for want of memory. It is called before Run.
func (e *Reconciler) NotifyEnded(n socketmemory.Notice) { e.keeper.Notify(n) }

// Run marks the listeners of proxies that are not there yet, and keeps the memory of proxies' sockets, until the context ends.
func (e *Reconciler) Run(ctx context.Context) {
	var keeping sync.WaitGroup
	keeping.Go(func() { e.keeper.Run(ctx) })
	keeping.Go(func() { e.notice(ctx) })
	keeping.Go(func() { e.readDropped(ctx) })
	e.listeners.run(ctx)
	keeping.Wait()
}

// Update makes the target's network namespace hold its ruleset: for the first time, after a change and after a restart
// alike. It writes only what the kernel does not hold, and returns nil only if the kernel holds it then. Errors have
// a reason (failure.ReasonOf). If the proxy cannot be bound, or the plan cannot be written at all, the pod is closed and the error names the cause.
func (e *Reconciler) Update(ctx context.Context, t endpoint.Target) (Outcome, error) {
	return e.within(t, func(ns *netns.Namespace, t endpoint.Target) (Outcome, error) { return e.update(ctx, ns, t) })
}

// within calls do in the target's network namespace, with the target as it is now. It holds the lock of the target's sandbox meanwhile.
func (e *Reconciler) within(t endpoint.Target, do func(ns *netns.Namespace, t endpoint.Target) (Outcome, error)) (Outcome, error) {
	defer e.memory.lock(t.Sandbox)()
	t = e.current(t)
	ns, err := e.parts.Open(t)
	if err != nil {
		return Outcome{}, err
	}
	defer ns.Close()
	return do(ns, t)
}

// update writes the plan. A write that has begun is finished even if the context ends: half a ruleset is worse than a late answer.
func (e *Reconciler) update(ctx context.Context, ns *netns.Namespace, t endpoint.Target) (Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()

	out, err := e.write(ctx, ns, t)
	if err == nil {
		return out, nil
	}
	if t.Proxy.Cgroup != "" {
		t.Proxy = workload.Process{}
		closed, closeErr := e.write(ctx, ns, t)
		if closeErr == nil {
			return closed, err
		}
		err = errors.Join(err, closeErr)
	}
	return out, errors.Join(err, e.close(ctx, ns, t))
}

// close is the last resort where the plan cannot be written at all (a user namespace of the pod's own, a kernel that lost
// an extension): what every kernel can hold keeps the pod closed, whatever part of the plan is in. That the plan is gone
// then is our own doing, so the ledger forgets it: it is no drift.
func (e *Reconciler) close(ctx context.Context, ns *netns.Namespace, t endpoint.Target) error {
	var problems error
	if entry, known := e.parts.Store.Get(t.Sandbox); known {
		entry.Plan = ""
		if err := e.parts.Store.Put(entry); err != nil {
			problems = failure.New(failure.Ledger, err)
		}
	}
	if _, err := e.parts.Dataplane.Enforce(ctx, ns, redirect.Closed(e.settings)); err != nil {
		problems = errors.Join(problems, failure.New(failure.Write, fmt.Errorf("%s: close it: %w", t.Endpoint, err)))
	}
	return problems
}

// write brings the kernel and the ledger to the target. If another agent has written before, a newborn sandbox is closed as every other: by the whole plan.
func (e *Reconciler) write(ctx context.Context, ns *netns.Namespace, t endpoint.Target) (Outcome, error) {
	out, err := e.put(ctx, ns, t, e.desired(t))
	if errors.Is(err, dataplane.ErrTaken) {
		return e.put(ctx, ns, t, e.plan(t))
	}
	return out, err
}

// put brings the kernel and the ledger to a ruleset, in this order: known, written, known as verified.
func (e *Reconciler) put(ctx context.Context, ns *netns.Namespace, t endpoint.Target, desired []iptables.Ruleset) (Outcome, error) {
	last, known := e.parts.Store.Get(t.Sandbox)
	entry := ledger.Entry{
		Sandbox: t.Sandbox, Namespace: t.Endpoint.Namespace, Name: t.Endpoint.Name, UID: t.Endpoint.UID, Guest: t.Endpoint.Guest,
		Netns: ns.Inode(), Plan: digest(desired), Cgroup: t.Proxy.Cgroup, Control: t.Proxy.CgroupInode,
		Suspended: t.Suspended,
	}
	if !known {
		first := entry
		first.Plan = ""
		if err := e.parts.Store.Put(first); err != nil {
			return Outcome{}, failure.New(failure.Ledger, err)
		}
	}
	fault.At(fault.Noted)
	strangers, err := e.alone(ctx, ns, t, last, &entry)
	if err != nil {
		return Outcome{}, failure.New(failure.Write, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	state, err := e.apply(ctx, ns, desired, last, entry)
	if err != nil {
		return Outcome{}, failure.New(failure.Write, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	out := Outcome{State: state, Inode: ns.Inode(), Proxy: t.Proxy, Bound: t.Proxy.Cgroup != ""}
	if last.Plan == entry.Plan && last.Netns == entry.Netns {
		out.Repaired = slices.Concat(strangers, state.Drift)
	}
	e.listen(t, ns)
	if out.Bound {
		if out.Prepared, err = e.parts.Prepare(ns); err != nil {
			return out, failure.New(failure.Write, fmt.Errorf("%s: %w", t.Endpoint, err))
		}
		if last.Plan == entry.Plan && last.Netns == entry.Netns {
			out.Repaired = append(out.Repaired, findings(out.Prepared)...)
		}
		e.keeper.Watch(t)
	}
	if err := e.parts.Store.Put(entry); err != nil {
		return out, failure.New(failure.Ledger, err)
	}
	fault.At(fault.Remembered)
	return out, nil
}

// rebound reports whether another control group came to stand at the path that the rules were bound to: their text is
// then right and they match nothing.
func rebound(last, now ledger.Entry) bool {
	return now.Cgroup != "" && last.Cgroup == now.Cgroup && last.Control != now.Control && now.Control != 0
}

// Observe reads what the target's network namespace holds now, and compares it with what Update last wrote. It writes nothing.
func (e *Reconciler) Observe(ctx context.Context, t endpoint.Target) (Outcome, error) {
	return e.within(t, func(ns *netns.Namespace, t endpoint.Target) (Outcome, error) { return e.observe(ctx, ns, t) })
}

func (e *Reconciler) observe(ctx context.Context, ns *netns.Namespace, t endpoint.Target) (Outcome, error) {
	planned := e.written(t)
	state, err := e.parts.Dataplane.Observe(ctx, ns, planned)
	if err != nil {
		return Outcome{}, failure.New(failure.Read, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	if e.parts.Hooks != nil {
		last, _ := e.parts.Store.Get(t.Sandbox)
		strangers, err := e.parts.Hooks.Verify(ctx, ns, last.Own, false)
		if err != nil {
			return Outcome{}, failure.New(failure.Read, fmt.Errorf("%s: %w", t.Endpoint, err))
		}
		state.Drift = append(strangers, state.Drift...)
	}
	return Outcome{State: state, Planned: planned, Inode: ns.Inode(), Proxy: t.Proxy, Bound: t.Proxy.Cgroup != ""}, nil
}

// Delete takes the rules out of the target's network namespace and forgets it.
func (e *Reconciler) Delete(ctx context.Context, t endpoint.Target) error {
	defer e.memory.lock(t.Sandbox)()
	ns, err := e.parts.Open(t)
	if err != nil {
		return err
	}
	defer ns.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	families := []iptables.Family{iptables.V4}
	if e.settings.IPv6 {
		families = append(families, iptables.V6)
	}
	e.leave(t.Sandbox)
	if err := e.parts.Dataplane.Clear(ctx, ns, families...); err != nil {
		return failure.New(failure.Write, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	return e.parts.Store.Delete(t.Sandbox)
}

// current returns the target with the proxy that the runtime has announced meanwhile: a caller who read the runtime's list before
// the proxy was in it must not undo what was bound since. A pod of a suspended guest has no proxy that counts.
func (e *Reconciler) current(t endpoint.Target) endpoint.Target {
	if t.Suspended = e.isSuspended(t); t.Suspended {
		t.Proxy = workload.Process{}
		return t
	}
	if proxy, ok := e.memory.proxy(t.Sandbox); ok {
		t.Proxy = proxy
	}
	return t
}

package podrules

import (
	"context"
	"fmt"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/fault"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
)

// Announced is a proxy of which the runtime has told the first process.
type Announced struct {
	Sandbox, Container string
	PID                int
}

// Ended forgets a proxy, unless the sandbox has another by now.
func (e *Reconciler) Ended(box, container string) { e.memory.ended(box, container) }

// Reset replaces all announced proxies: the runtime announces all again.
func (e *Reconciler) Reset(proxies []Announced) {
	e.memory.reset()
	for _, p := range proxies {
		e.memory.announce(p.Sandbox, p.Container, p.PID)
	}
}

// Bind lets the target's proxy out, which the runtime has made and does not run yet, in the shortest time in which that can be done.
// The proxy counts from now on, also for rounds that began before. opened reports whether it was let out without reading the rules
// back: Update must follow then. The proxy's listeners are marked once they are there.
func (e *Reconciler) Bind(ctx context.Context, t endpoint.Target, container string, pid int) (out Outcome, opened bool, err error) {
	e.memory.announce(t.Sandbox, container, pid)
	proxy, ok := e.memory.proxy(t.Sandbox)
	if !ok {
		return out, false, failure.New(failure.Runtime, fmt.Errorf("process %d of container %s: %w", pid, container, sandbox.ErrGone))
	}
	t.Proxy = proxy
	if opened, err = e.open(ctx, t); !opened {
		out, err = e.Update(ctx, t) // whatever kept it from being opened
	}
	if err == nil {
		e.listeners.await(t)
	}
	return out, opened, err
}

// open lets the proxy of a newborn sandbox out, in the time that one program takes. It reads nothing back, and leaves the
// redirect to Update, which must follow: meanwhile what the proxy did not send is dropped. It reports whether it did; of
// other sandboxes it lets everything be.
func (e *Reconciler) open(ctx context.Context, t endpoint.Target) (bool, error) {
	defer e.memory.lock(t.Sandbox)()
	last, _ := e.parts.Store.Get(t.Sandbox)
	if t = e.current(t); t.Proxy.Cgroup == "" || !e.shut(last) {
		return false, nil
	}
	ns, err := e.parts.Open(t)
	if err != nil {
		return false, err
	}
	defer ns.Close()
	last.Plan = "" // it is no longer shut, and not verified
	if err := e.parts.Store.Put(last); err != nil {
		return false, failure.New(failure.Ledger, err)
	}
	fault.At(fault.Looked)
	err = e.parts.Dataplane.Fill(ctx, ns, redirect.Opening(e.settings, exempt(t)))
	fault.At(fault.Written)
	if err != nil {
		return false, failure.New(failure.Write, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	return true, nil
}

package agent

import (
	"context"
	"fmt"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/fault"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/iptables"
)

// desired is the ruleset that the target's network namespace is to hold. Nothing runs in a newborn sandbox before its proxy
// does, so three chains that let nothing through are as good as all rules, and are written in no time.
func (e *Enforcer) desired(t endpoint.Target) []iptables.Ruleset {
	if t.Quarantined {
		return redirect.Quarantine(e.settings, t.Answered)
	}
	if t.Proxy.Cgroup == "" && e.newborn != nil && e.newborn(t.Sandbox) {
		if last, _ := e.ledger.Get(t.Sandbox); last.Plan == "" || e.shut(last) {
			return redirect.Shut(e.settings)
		}
	}
	return e.plan(t)
}

// exempt returns the proxy as the rules name it.
func exempt(t endpoint.Target) redirect.Proxy {
	return redirect.Proxy{Cgroup: t.Proxy.Cgroup, Pod: redirect.PodCgroup(t.Proxy.Cgroup, t.Endpoint.UID)}
}

// plan is the whole of it.
func (e *Enforcer) plan(t endpoint.Target) []iptables.Ruleset {
	return redirect.Plan(e.settings, exempt(t))
}

// shut reports whether that is what was last written.
func (e *Enforcer) shut(last ledger.Entry) bool {
	return last.Plan == digest(redirect.Shut(e.settings))
}

// Open lets the proxy of a newborn sandbox out, in the time that one program takes. It reads nothing back, and leaves the
// redirect to Ensure, which must follow: meanwhile what the proxy did not send is dropped. It reports whether it did; of
// other sandboxes it lets everything be.
func (e *Enforcer) Open(ctx context.Context, t endpoint.Target) (bool, error) {
	defer e.locks.lock(t.Sandbox)()
	last, _ := e.ledger.Get(t.Sandbox)
	if t = e.current(t); t.Proxy.Cgroup == "" || !e.shut(last) {
		return false, nil
	}
	ns, err := open(t)
	if err != nil {
		return false, err
	}
	defer ns.Close()
	last.Plan = "" // it is no longer shut, and not verified
	if err := e.ledger.Put(last); err != nil {
		return false, failure.New(failure.Ledger, err)
	}
	fault.At(fault.Looked)
	err = e.dataplane.Fill(ctx, ns, redirect.Opening(e.settings, exempt(t)))
	fault.At(fault.Written)
	if err != nil {
		return false, failure.New(failure.Write, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	return true, nil
}

package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
)

// work carries out decisions, one pod at a time, until the queue is shut down.
func (a *Agent) work(ctx context.Context) {
	for {
		uid, over := a.queue.Get()
		if over {
			return
		}
		if ctx.Err() == nil {
			a.carryOut(ctx, uid)
		}
		a.queue.Done(uid)
	}
}

// carryOut does what was decided for the pod. It is the one way for a first time, a change, a resync and a restart.
func (a *Agent) carryOut(ctx context.Context, uid string) {
	r, named := a.pods.get(uid)
	if !named {
		a.queue.Forget(uid)
		a.pods.looked(uid) // it ended before its turn came
		return
	}
	var err error
	switch r.want.Verdict {
	case assign.Enforce:
		a.rules.KeepSuspension(r.want.Sandbox, false)
		err = a.enforce(ctx, r)
	case assign.Release:
		err = a.release(ctx, r)
	case assign.Exempt:
		a.settle(uid, agentapi.Exempt, string(r.want.Reason), r.want.Reason.Exemption())
	case assign.Pending:
		a.settle(uid, agentapi.Pending, string(r.want.Reason), "")
	}
	a.conclude(ctx, uid, err)
}

// conclude decides when the pod is looked at again.
func (a *Agent) conclude(ctx context.Context, uid string, err error) {
	switch {
	case ctx.Err() != nil:
		return
	case err == nil:
		a.queue.Forget(uid)
	case passing(err) && a.queue.NumRequeues(uid) < tolerated:
		// The pod is ending, or its proxy is between two lives: the runtime's list will tell.
		a.relist.Store(true)
		a.notify()
		a.queue.AddRateLimited(uid)
		return
	default:
		a.failed(uid, err)
		a.queue.AddRateLimited(uid)
	}
	a.pods.looked(uid)
}

// enforce makes the pod's network namespace hold its rules, and keeps the pod apart if they cannot hold it.
func (a *Agent) enforce(ctx context.Context, r record) error {
	uid := r.want.UID
	age := time.Since(r.verified)
	if settled := r.state == agentapi.Enforced || r.state == agentapi.Closed || r.state == agentapi.Quarantined; settled && age < a.Verify && r.did.But(r.want) && a.asBefore(ctx, r) {
		a.pods.update(uid, func(t *record) { t.did = r.want })
		a.watchProxy(r)
		a.queue.AddAfter(uid, a.Verify-age)
		return nil
	}
	target, hostNetwork, err := a.target(ctx, r.want)
	if err != nil && target.Netns == "" {
		return err
	}
	if hostNetwork {
		a.settle(uid, agentapi.Exempt, string(assign.HostNetwork), assign.HostNetwork.Exemption())
		return nil
	}
	ran := a.rules.RanUnguarded(ctx, target)
	if ran {
		err = errors.Join(err, a.cut(target))
	}
	frames, framesErr := a.filterFrames(r, target)
	target, findings, confineErr := a.confine(ctx, r, target)
	tried := target.Proxy
	if p, announced := a.rules.Proxy(target.Sandbox); announced {
		tried = p
	}
	started := time.Now()
	out, ensureErr := a.rules.Update(ctx, target)
	a.metrics.Enforced(time.Since(started), out, ensureErr)
	if ran { // once more: what was opened in between
		err = errors.Join(err, a.cut(target))
		a.foundUnenforced(r.want, target)
	}
	if err = errors.Join(err, framesErr, confineErr, ensureErr); err != nil {
		return a.orEnding(ctx, r.want, tried, err)
	}
	target.Proxy = out.Proxy
	if out.Bound {
		if err := a.rules.Mark(target); err != nil {
			return err
		}
	}
	if len(findings) == 0 {
		if err := a.free(r); err != nil {
			return err
		}
	}
	r.findings, r.frames = findings, frames
	a.succeeded(r, target, out)
	a.queue.AddAfter(uid, a.Verify+rand.N(a.Verify/10+1)) //nolint:gosec // spreads work, guards nothing
	return nil
}

// release takes the rules back from a pod that is no longer guarded, if the API server itself says so: the cache cannot
// tell a namespace that is a guest's no more from one that is gone, whose pods stay enforced, and verified, to their end.
func (a *Agent) release(ctx context.Context, r record) error {
	space, found, err := a.authority.Namespace(ctx, r.want.Namespace)
	if err != nil {
		return failure.New(failure.API, err)
	}
	if apis.IsGuarded(space.Labels) {
		a.notify() // the cache will follow
		return nil
	}
	if !found || r.want.Gone {
		return a.keep(ctx, r)
	}
	target, hostNetwork, err := a.target(ctx, r.want)
	if err != nil || hostNetwork {
		return err
	}
	if err := errors.Join(a.rules.Delete(ctx, target), a.free(r), a.frames.Delete(target)); err != nil {
		return err
	}
	a.Log.Info("rules taken back", "namespace", r.want.Namespace, "pod", r.want.Name, "reason", r.want.Reason.Exemption())
	a.settle(r.want.UID, agentapi.Exempt, string(r.want.Reason), r.want.Reason.Exemption())
	a.notify()
	return nil
}

// keep enforces a pod further whose release the API server does not confirm.
func (a *Agent) keep(ctx context.Context, r record) error {
	r.want = r.want.Kept(r.did)
	a.rules.KeepSuspension(r.want.Sandbox, true)
	return a.enforce(ctx, r)
}

// settle notes a state that needs no work.
func (a *Agent) settle(uid string, state agentapi.State, reason, message string) {
	a.pods.update(uid, func(r *record) {
		r.did, r.state, r.reason, r.message, r.outcome, r.target, r.findings, r.frames = r.want, state, reason, message, podrules.Outcome{}, endpoint.Target{}, nil, nil
	})
}

// cut ends the connections of a pod that was not guarded.
func (a *Agent) cut(t endpoint.Target) error {
	ended, err := a.end(t)
	if ended > 0 {
		a.Log.Info("connections ended that are older than the pod's rules", "namespace", t.Endpoint.Namespace, "pod", t.Endpoint.Name, "connections", ended)
	}
	return err
}

package startgate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/hold"
	"data-space.liqo.io/pkg/effects/fault"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/workload"
)

// EventStartRefused is the reason of the Event on a pod that may not start now.
const EventStartRefused = "StartRefused"

const (
	gateAsking    = 1500 * time.Millisecond          // for the API server; within gate.Decision
	gateEnforcing = gate.Enforcement - 5*time.Second // for the rules of one pod
)

// Answer decides on a request and does what was decided. working is called before work that takes time.
func (g *Gate) Answer(ctx context.Context, r gate.Request, working func() error) gate.Answer {
	if r.Op == gate.StandDown {
		return g.standDown(ctx)
	}
	d := g.judge(ctx, r.Namespace, r.Mark)
	if g.Address != nil && r.Op == gate.Add && d.Verdict != hold.Refuse {
		g.Address(ctx, r.Namespace, r.Name, r.IPs)
	}
	switch {
	case d.Reason == hold.GuestSuspended && r.Op == gate.Check:
		return g.check(ctx, r, d) // it started before
	case d.Verdict == hold.Refuse:
		return g.refuse(r, d.Reason, d.Message)
	case d.Verdict == hold.Pass:
		return gate.Answer{Verdict: gate.Pass, Reason: d.Reason}
	case r.Op == gate.Check:
		return g.check(ctx, r, d)
	}
	if err := working(); err != nil {
		g.parts.Log.Debug("the plugin went away; the pod is enforced all the same", "namespace", r.Namespace, "pod", r.Name, "error", err)
	}
	return g.enforce(ctx, r, d)
}

// judge decides over a pod by its namespace and its mark. The API server itself is asked where the watch is not enough.
func (g *Gate) judge(ctx context.Context, namespace string, mark gate.Mark) hold.Decision {
	k := g.known(ctx, namespace, mark)
	if hold.Ask(k) {
		g.ask(ctx, &k)
	}
	return hold.Judge(k)
}

// known is what the watch or, before it is complete, the node's list holds of a pod's namespace.
func (g *Gate) known(ctx context.Context, namespace string, mark gate.Mark) hold.Known {
	k := hold.Known{
		Namespace: namespace, Mark: mark, Exempt: slices.Contains(g.Exempt, namespace), Marks: g.Marks,
		Fresh: g.parts.Cluster.Synced() && g.parts.Cluster.Problem() == "",
	}
	if space, found, err := g.parts.Spaces.Space(ctx, namespace); err == nil && found {
		k.Space = gate.SpaceOf(space)
	} else if !g.parts.Cluster.Synced() {
		k.Space = g.memory.Load().Lookup(namespace)
	}
	return k
}

// ask asks the API server itself, once for all pods of a namespace that start at the same time. It waits no longer than the context: the runtime
// may hold its lock meanwhile. Without an answer nothing is known that was not known before.
func (g *Gate) ask(ctx context.Context, k *hold.Known) {
	type reply struct {
		space workload.Namespace
		found bool
	}
	answer := g.asking.DoChan(k.Namespace, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gateAsking)
		defer cancel()
		space, found, err := g.parts.Cluster.Namespace(ctx, k.Namespace)
		return reply{space, found}, err
	})
	var got singleflight.Result
	select {
	case got = <-answer:
	case <-ctx.Done():
		got.Err = context.Cause(ctx)
	}
	r, ok := got.Val.(reply)
	if got.Err != nil || !ok {
		g.parts.Log.Warn("the API server could not be asked about a namespace", "namespace", k.Namespace, "error", got.Err)
		return
	}
	k.Live, k.Missing = true, !r.found
	if r.found {
		k.Space = gate.SpaceOf(r.space)
	}
}

// enforce closes the pod's network namespace. Its proxy does not run yet, so the rules drop all its traffic for now.
func (g *Gate) enforce(ctx context.Context, r gate.Request, d hold.Decision) gate.Answer {
	// Not cut short by the end of the program or of the plugin: what has begun is finished.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gateEnforcing)
	defer cancel()
	select {
	case g.writers <- struct{}{}:
		defer func() { <-g.writers }()
	case <-ctx.Done():
		return g.refuse(r, failure.Busy, "too many pods start on this node at the same time; this one is tried again")
	}
	fault.At(fault.Judged)
	out, err := g.hold(ctx, r, d.Guest)
	if err != nil {
		g.parts.Counters.Failed(failure.ReasonOf(err))
		return g.refuse(r, failure.ReasonOf(err), err.Error())
	}
	return gate.Answer{Verdict: gate.Enforced, Reason: d.Reason, Facts: facts(d.Guest, out)}
}

// hold makes a network namespace hold the rules of a pod whose proxy does not run yet.
func (g *Gate) hold(ctx context.Context, r gate.Request, guest string) (podrules.Outcome, error) {
	target, err := reach(r, guest)
	if err != nil {
		return podrules.Outcome{}, err
	}
	started := time.Now()
	var out podrules.Outcome
	err = also(func() (err error) {
		out, err = g.parts.Rules.Start(ctx, target)
		return err
	}, func() error { return g.parts.Frames.Start(target) })
	g.parts.Counters.Enforced(time.Since(started), out, err)
	if err != nil {
		return out, err
	}
	g.parts.Log.Info("pod held until its rules stood", "namespace", r.Namespace, "pod", r.Name, "guest", guest,
		"rules", out.State.RuleCounts().String(), "netns", out.Inode, "milliseconds", time.Since(started).Milliseconds())
	return out, nil
}

// also runs two steps of a start at the same time: they write to different places of the kernel.
func also(f, g func() error) error {
	done := make(chan error, 1)
	go func() { done <- g() }()
	return errors.Join(f(), <-done)
}

// reach returns the target of the plugin's request.
func reach(r gate.Request, guest string) (endpoint.Target, error) {
	e := endpoint.Endpoint{Namespace: r.Namespace, Name: r.Name, UID: r.UID, Guest: guest, IPs: r.IPs}
	path, err := sandbox.Reach(r.Netns)
	if err != nil {
		return endpoint.Target{}, failure.New(failure.Open, fmt.Errorf("%s: %w", e, err))
	}
	return endpoint.Target{Endpoint: e, Sandbox: r.Container, Netns: path}, nil
}

// check reads what the pod's network namespace holds and compares it with what is planned.
func (g *Gate) check(ctx context.Context, r gate.Request, d hold.Decision) gate.Answer {
	target, known := g.parts.Rounds.Target(r.Container)
	if !known {
		var err error
		if target, err = reach(r, d.Guest); err != nil {
			return g.refuse(r, failure.ReasonOf(err), err.Error())
		}
	}
	out, err := g.parts.Rules.Observe(ctx, target)
	if err != nil {
		return g.refuse(r, failure.ReasonOf(err), err.Error())
	}
	answer := gate.Answer{Verdict: gate.Enforced, Reason: d.Reason, Facts: facts(d.Guest, out)}
	if len(out.State.Drift) > 0 {
		answer.Verdict, answer.Reason = gate.Refused, "Drift"
		answer.Message = "the kernel holds other rules than planned: " + drift.Summary(out.State.Drift)
	}
	return answer
}

// refuse reports why a pod may not start: in the answer to the plugin, in the log, and as an Event of the pod.
func (g *Gate) refuse(r gate.Request, reason, message string) gate.Answer {
	g.parts.Log.Warn(message, "event", EventStartRefused, "reason", reason, "namespace", r.Namespace, "pod", r.Name)
	if r.Op == gate.Add {
		g.parts.Reporter.Warning(r.Namespace, r.Name, r.UID, EventStartRefused, fmt.Sprintf("%s: %s", reason, message))
	}
	return gate.Answer{Verdict: gate.Refused, Reason: reason, Message: message}
}

// standDown stops keeping the CNI chain, so that an uninstall can remove the plugin from it.
func (g *Gate) standDown(ctx context.Context) gate.Answer {
	g.down.Store(true)
	g.stood()
	select {
	case <-g.standby:
	case <-ctx.Done():
	}
	g.parts.Log.Warn("the CNI plugin is not installed any more, on request; restart the agent to install it")
	return gate.Answer{Verdict: gate.Pass, Reason: "StoodDown"}
}

func facts(guest string, out podrules.Outcome) *gate.Facts {
	f := &gate.Facts{
		Guest: guest, Netns: out.Inode, Backend: string(out.State.Backend), Hash: out.State.Hash, Rules: out.State.RuleCounts(),
	}
	for _, d := range out.State.Drift[:min(len(out.State.Drift), driftShown)] {
		f.Drift = append(f.Drift, d.String())
	}
	return f
}

// driftShown bounds an answer.
const driftShown = 20

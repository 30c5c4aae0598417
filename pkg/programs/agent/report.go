package agent

import (
	"fmt"
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
)

// Reasons of the Events.
const (
	EventEnforced        = "Enforced"
	EventRedirectFailed  = "RedirectFailed"
	EventDriftRepaired   = "DriftRepaired"
	EventProxyNotRunning = "ProxyNotRunning"
	EventProxyMissing    = "ProxyMissing"
	EventSuspended       = "GuestSuspended"
)

// succeeded notes and reports that the kernel holds what was decided.
func (a *Agent) succeeded(r record, target endpoint.Target, out podrules.Outcome) {
	want, now := r.want, time.Now()
	next := r
	next.did, next.target, next.outcome, next.verified = want, target, out, now
	next.reason, next.message, next.complained = string(want.Reason), "", ""
	next.state = agentapi.Closed
	if out.Bound {
		next.state, next.stalled, next.stallSaid = agentapi.Enforced, time.Time{}, ""
	}
	if len(r.findings) > 0 {
		next.state, next.reason, next.message = agentapi.Quarantined, string(r.findings[0].Reason), quarantine.Summary(r.findings)
	}
	if out.State.Wrote {
		next.written, next.writes = now, r.writes+1
		a.Log.Info("rules written", "namespace", want.Namespace, "pod", want.Name, "state", next.state,
			"rules", out.State.RuleCounts().String(), "netns", out.Inode)
	}
	if len(out.Prepared) > 0 {
		a.Log.Info("pod's network namespace prepared", "namespace", want.Namespace, "pod", want.Name, "changed", out.Prepared)
	}
	if len(out.Repaired) > 0 {
		next.repairs++
		a.warn(want, EventDriftRepaired, "the rules in the pod's network namespace had been changed and are as planned again: "+drift.Summary(out.Repaired))
	}
	if next.state == agentapi.Enforced && out.State.Wrote && (r.state != agentapi.Enforced || r.target.Proxy.Cgroup != target.Proxy.Cgroup) {
		a.reporter.Normal(want.Namespace, want.Name, want.UID, EventEnforced,
			fmt.Sprintf("all traffic of the pod passes %s; rules in the kernel (%s): %s",
				apis.ProxyContainerName, out.State.Backend, out.State.RuleCounts().String()))
	}
	if want.Reason == assign.Suspended && r.reason != string(assign.Suspended) {
		a.warn(want, EventSuspended, fmt.Sprintf("guest %q is suspended: the pod runs, and nothing leaves or enters it until spec.state of the GuestPolicy %q or %q is Active",
			want.Guest, want.Guest, "default"))
	}
	a.countDropped(&next, r.outcome, now)
	a.pods.update(want.UID, func(t *record) {
		next.want, next.first = t.want, t.first // which may have changed meanwhile
		*t = next
	})
	next.want = want
	a.watchProxy(next)
}

// failed notes and reports a failure: the first time, and when it becomes another.
func (a *Agent) failed(uid string, err error) {
	r, named := a.pods.get(uid)
	if !named {
		return
	}
	reason, message := failure.ReasonOf(err), err.Error()
	a.metrics.Failed(reason)
	if r.complained != message {
		a.warn(r.want, EventRedirectFailed, fmt.Sprintf("%s: %s", reason, message))
	}
	a.pods.update(uid, func(r *record) {
		r.state, r.reason, r.message, r.complained = agentapi.Failed, reason, message, message
		r.did = assign.Assignment{}
	})
}

// watchProxy reports a proxy that does not run, once it had time to, and one that is not there at all.
func (a *Agent) watchProxy(r record) {
	switch {
	case r.state != agentapi.Closed:
	case r.want.Reason == assign.ProxyMissing && r.stallSaid != EventProxyMissing:
		a.warn(r.want, EventProxyMissing, fmt.Sprintf("the pod has no container %s, so its rules drop all its traffic: it was created "+
			"before Data Spacer's webhook worked, or past it; create the pod again", apis.ProxyContainerName))
		r.stallSaid = EventProxyMissing
	case r.want.Reason != assign.ProxyDown || r.want.Stall.Reason == "" || r.stallSaid == r.want.Stall.Reason:
	case r.stalled.IsZero():
		r.stalled = time.Now()
		a.queue.AddAfter(r.want.UID, patience)
	case time.Since(r.stalled) < patience:
		a.queue.AddAfter(r.want.UID, patience-time.Since(r.stalled))
	default:
		a.warn(r.want, EventProxyNotRunning, fmt.Sprintf("container %s does not run (%s), so the pod's rules drop its traffic until it does: %s. %s",
			apis.ProxyContainerName, r.want.Stall.Reason, r.want.Stall.Message, assign.WayOut(r.want.Namespace, r.want.Name, r.want.Stall)))
		r.stallSaid = r.want.Stall.Reason
	}
	a.pods.update(r.want.UID, func(t *record) { t.stalled, t.stallSaid = r.stalled, r.stallSaid })
}

// warn reports to the log and in an Event.
func (a *Agent) warn(want assign.Assignment, reason, message string) {
	a.Log.Warn(message, "event", reason, "namespace", want.Namespace, "pod", want.Name)
	a.reporter.Warning(want.Namespace, want.Name, want.UID, reason, message)
}

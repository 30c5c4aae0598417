package agent

import (
	"fmt"
	"strconv"
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/decisions/ruleview"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// gone is the state of a pod that has ended, in facts.
const gone agentapi.State = "Gone"

// recordChange emits a fact when something changes of what the kernel holds for a pod: its state, its rules, or the proxy that they are bound
// to. A verification that finds all as it was is no fact.
func (a *Agent) recordChange(before, after record) {
	if after.state == "" {
		after.state = gone
		a.about(before.want, before.dropped.Facts()...)
	}
	if before.state == after.state && before.reason == after.reason && before.outcome.State.Hash == after.outcome.State.Hash && before.outcome.Proxy == after.outcome.Proxy {
		return
	}
	details := map[string]string{"from": string(before.state), "to": string(after.state)}
	add := func(name, value string) {
		if value != "" && value != "0" {
			details[name] = value
		}
	}
	add("backend", string(after.outcome.State.Backend))
	add("rules", after.outcome.State.Hash)
	add("netns", strconv.FormatUint(after.outcome.Inode, 10))
	if after.outcome.Bound {
		add("cgroup", after.outcome.Proxy.Cgroup)
		add("cgroupInode", strconv.FormatUint(after.outcome.Proxy.CgroupInode, 10))
	}
	a.about(after.want, fact.Fact{
		Kind: fact.PodStateChanged, Warning: after.state == agentapi.Failed || after.state == agentapi.Quarantined,
		Reason: after.reason, Message: summary(after), Details: details,
	})
}

// countDropped takes what the rules of a pod dropped since its verification before. Of a network namespace that the agent finds at its start it is not known.
func (a *Agent) countDropped(r *record, before podrules.Outcome, now time.Time) {
	if before.Inode == r.outcome.Inode {
		var facts []fact.Fact
		r.dropped, facts = r.dropped.Add(a.metrics.Refused(ruleview.Refused(before.State.Dropped, r.outcome.State.Dropped)), now)
		a.about(r.want, facts...)
	}
}

// about emits facts about a pod.
func (a *Agent) about(pod assign.Assignment, facts ...fact.Fact) {
	for _, f := range facts {
		if f.Subject = (fact.Subject{Guest: pod.Guest, Namespace: pod.Namespace, Pod: pod.Name, UID: pod.UID}); a.emit != nil {
			a.emit(f)
		}
	}
}

// summary is a change in words.
func summary(r record) string {
	if r.message != "" {
		return r.message
	}
	return fmt.Sprintf("the pod is %s", r.state)
}

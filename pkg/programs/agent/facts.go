package agent

import (
	"fmt"
	"strconv"

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
	want := after.want
	a.emit(fact.Fact{
		Kind: fact.PodStateChanged, Warning: after.state == agentapi.Failed || after.state == agentapi.Quarantined,
		Subject: fact.Subject{Guest: want.Guest, Namespace: want.Namespace, Pod: want.Name, UID: want.UID},
		Reason:  after.reason, Message: summary(after), Details: details,
	})
}

// summary is a change in words.
func summary(r record) string {
	if r.message != "" {
		return r.message
	}
	return fmt.Sprintf("the pod is %s", r.state)
}

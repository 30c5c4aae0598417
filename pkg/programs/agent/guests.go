package agent

import (
	"maps"
	"slices"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/nodelease"
)

// Guests counts the guarded pods of each guest on this node, and those whose rules the kernel held at the last look.
func (a *Agent) Guests() []nodelease.GuestPods {
	counts := map[string]nodelease.GuestPods{}
	for _, r := range a.pods.all() {
		if r.want.Verdict != assign.Enforce && r.want.Verdict != assign.Pending {
			continue
		}
		c := counts[r.want.Guest]
		c.Guest = r.want.Guest
		c.Pods++
		c.Repaired += r.repairs
		switch r.state {
		case agentapi.Enforced, agentapi.Closed, agentapi.Quarantined:
			c.Held++
		case agentapi.Failed, agentapi.Pending, agentapi.Exempt:
		}
		if r.written.After(c.Written) {
			c.Written = r.written
		}
		counts[r.want.Guest] = c
	}
	return slices.Collect(maps.Values(counts))
}

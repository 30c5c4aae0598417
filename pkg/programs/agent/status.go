package agent

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/decisions/ruleview"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/failure"
)

// readers bounds how many pods are read from the kernel at a time for a status.
const readers = 2

// Status reads the kernel for every pod and tells what it found.
func (a *Agent) Status(ctx context.Context) agentapi.NodeStatus {
	s := agentapi.NodeStatus{
		Node: a.Node, Ready: a.Ready(), Backend: a.Backend, BackendSign: a.BackendSign,
		Runtime: a.RuntimeName, Socket: a.Socket, Events: a.events.Load(), Problems: a.problems(),
	}
	records := a.pods.all()
	s.Endpoints = make([]agentapi.EndpointStatus, len(records))
	var group errgroup.Group
	group.SetLimit(readers)
	for i, r := range records {
		group.Go(func() error {
			s.Endpoints[i], _ = a.observe(ctx, r)
			return nil
		})
	}
	_ = group.Wait() // what fails is in the endpoint's own state
	return s
}

func (a *Agent) problems() []string {
	var out []string
	trouble, _ := a.trouble.Load().(string)
	for _, p := range [][2]string{{"container runtime: ", trouble}, {"API server: ", a.authority.Problem()}, {"", a.rules.Problem()}} {
		if p[1] != "" {
			out = append(out, p[0]+p[1])
		}
	}
	if !a.cluster.Synced() {
		out = append(out, "API server: the first complete lists have not arrived yet: only pods that were guarded before are known")
	}
	return out
}

// Rules reads the kernel for one pod. found is false if this node has no foreign pod of that name. Of two, the one with rules is read.
func (a *Agent) Rules(ctx context.Context, namespace, name string) (rules agentapi.PodRules, found bool) {
	for _, r := range a.pods.all() {
		if r.want.Namespace == namespace && r.want.Name == name && len(rules.Chains) == 0 {
			status, out := a.observe(ctx, r)
			rules, found = agentapi.PodRules{EndpointStatus: status, Chains: ruleview.Chains(out.Planned, out.State.Rulesets, status.Drift)}, true
		}
	}
	return rules, found
}

// observe is the status of one pod, its rules read now, and what was read.
func (a *Agent) observe(ctx context.Context, r record) (agentapi.EndpointStatus, podrules.Outcome) {
	s := agentapi.EndpointStatus{
		Namespace: r.want.Namespace, Name: r.want.Name, UID: r.want.UID, Guest: r.want.Guest,
		State: r.state, Reason: r.reason, Message: r.message, Findings: quarantine.Answer(r.findings), Sandbox: r.target.Sandbox, IPs: r.target.Endpoint.IPs,
		LastVerified: moment(r.verified), LastWritten: moment(r.written), Writes: r.writes, DriftRepaired: r.repairs,
		Frames: r.frames,
	}
	if r.target.Netns == "" {
		return s, podrules.Outcome{}
	}
	if p := r.target.Proxy; p.Cgroup != "" {
		s.Proxy = &agentapi.ProxyStatus{Container: r.did.Proxy, PID: p.PID, Cgroup: p.Cgroup, CgroupInode: p.CgroupInode}
	}
	out, err := a.rules.Observe(ctx, r.target)
	if err != nil {
		if s.State != agentapi.Failed {
			s.State, s.Reason, s.Message = agentapi.Failed, failure.ReasonOf(err), err.Error()
		}
		return s, podrules.Outcome{}
	}
	s.Netns, s.Backend = out.Inode, string(out.State.Backend)
	s.Rules, s.Drift, s.Hash = out.State.RuleCounts(), drift.Differences(out.State.Drift), out.State.Hash
	if len(s.Drift) > 0 && (s.State == agentapi.Enforced || s.State == agentapi.Closed || s.State == agentapi.Quarantined) {
		s.State, s.Reason, s.Message = agentapi.Failed, "Drift", "the kernel holds other rules than planned: they are repaired at the next verification"
		a.pods.update(r.want.UID, func(r *record) { r.verified = time.Time{} })
		a.queue.Add(r.want.UID) // which is now
	}
	return s, out
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Ready reports whether the agent knows its node: the watches are complete and every foreign pod that it found then was
// looked at.
func (a *Agent) Ready() bool { return a.pods.allLooked() }

// Alive reports whether decisions are still being made.
func (a *Agent) Alive() bool {
	const missed, shortestMissed = 6, 10 * time.Second
	return time.Since(time.Unix(0, a.joined.Load())) < missed*max(a.Resync, shortestMissed)
}

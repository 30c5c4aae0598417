package agent

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/quarantine"
)

// NodeStatus is the agent's account of its node: the answer of GET /v1/endpoints.
type NodeStatus struct {
	Node        string           `json:"node"`
	Ready       bool             `json:"ready"`
	Backend     string           `json:"backend"`
	BackendSign string           `json:"backendSign"` // how the backend is known
	Runtime     string           `json:"runtime"`
	Socket      string           `json:"criSocket"`
	Events      bool             `json:"runtimeEvents"` // the runtime announces changes; otherwise it is asked often
	Problems    []string         `json:"problems,omitempty"`
	Endpoints   []EndpointStatus `json:"endpoints"`
}

// EndpointStatus is one foreign pod. Rules, Drift and Hash are read from the kernel when the question is answered.
type EndpointStatus struct {
	Namespace string               `json:"namespace"`
	Name      string               `json:"name"`
	UID       string               `json:"uid"`
	Guest     string               `json:"guest"`
	State     State                `json:"state"`
	Reason    string               `json:"reason,omitempty"`
	Message   string               `json:"message,omitempty"`
	Findings  []quarantine.Finding `json:"quarantine,omitempty"` // what speaks against the pod
	Sandbox   string               `json:"sandbox,omitempty"`
	Netns     uint64               `json:"netns,omitempty"` // inode
	IPs       []netip.Addr         `json:"ips,omitempty"`
	Proxy     *ProxyStatus         `json:"proxy,omitempty"`

	Backend string                    `json:"backend,omitempty"`
	Rules   map[string]map[string]int `json:"rules,omitempty"` // family, table: number of rules
	Drift   []drift.Finding           `json:"drift,omitempty"`
	Hash    string                    `json:"hash,omitempty"`

	Frames *FrameStatus `json:"frames,omitempty"`

	LastVerified  *time.Time `json:"lastVerified,omitempty"` // by the agent's own round, which also repairs
	LastWritten   *time.Time `json:"lastWritten,omitempty"`
	Writes        int        `json:"writes"`
	DriftRepaired int        `json:"driftRepaired"`
}

// ProxyStatus is the container that the exemption is bound to.
type ProxyStatus struct {
	Container   string `json:"container"`
	PID         int    `json:"pid"`
	Cgroup      string `json:"cgroup"`
	CgroupInode uint64 `json:"cgroupInode,omitempty"`
}

// readers bounds how many pods are read from the kernel at a time for a status.
const readers = 2

// Status reads the kernel for every pod and tells what it found.
func (a *Agent) Status(ctx context.Context) NodeStatus {
	s := NodeStatus{
		Node: a.Node, Ready: a.Ready(), Backend: a.Backend, BackendSign: a.BackendSign,
		Runtime: a.RuntimeName, Socket: a.Socket, Events: a.events.Load(), Problems: a.problems(),
	}
	records := a.table.all()
	s.Endpoints = make([]EndpointStatus, len(records))
	var group errgroup.Group
	group.SetLimit(readers)
	for i, r := range records {
		group.Go(func() error {
			s.Endpoints[i] = a.observe(ctx, r)
			return nil
		})
	}
	_ = group.Wait() // what fails is in the endpoint's own state
	return s
}

func (a *Agent) problems() []string {
	var out []string
	if text, _ := a.trouble.Load().(string); text != "" {
		out = append(out, "container runtime: "+text)
	}
	if text := a.authority.Problem(); text != "" {
		out = append(out, "API server: "+text)
	}
	if !a.cluster.Synced() {
		out = append(out, "API server: the first complete lists have not arrived yet: only pods that were guarded before are known")
	}
	return out
}

// observe is the status of one pod, its rules read now.
func (a *Agent) observe(ctx context.Context, r record) EndpointStatus {
	s := EndpointStatus{
		Namespace: r.want.Namespace, Name: r.want.Name, UID: r.want.UID, Guest: r.want.Guest,
		State: r.state, Reason: r.reason, Message: r.message, Findings: r.findings, Sandbox: r.target.Sandbox, IPs: r.target.Endpoint.IPs,
		LastVerified: moment(r.verified), LastWritten: moment(r.written), Writes: r.writes, DriftRepaired: r.repairs,
		Frames: r.frames,
	}
	if r.target.Netns == "" {
		return s
	}
	if p := r.target.Proxy; p.Cgroup != "" {
		s.Proxy = &ProxyStatus{Container: r.did.Proxy, PID: p.PID, Cgroup: p.Cgroup, CgroupInode: p.CgroupInode}
	}
	out, err := a.enforcer.Observe(ctx, r.target)
	if err != nil {
		if s.State != Failed {
			s.State, s.Reason, s.Message = Failed, reasonOf(err), err.Error()
		}
		return s
	}
	s.Netns, s.Backend = out.Inode, string(out.State.Backend)
	s.Rules, s.Drift, s.Hash = out.State.RuleCounts(), out.State.Drift, out.State.Hash
	if len(s.Drift) > 0 && (s.State == Enforced || s.State == Closed || s.State == Quarantined) {
		s.State, s.Reason, s.Message = Failed, "Drift", "the kernel holds other rules than planned: they are repaired at the next verification"
		a.table.update(r.want.UID, func(r *record) { r.verified = time.Time{} })
		a.queue.Add(r.want.UID) // which is now
	}
	return s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Ready reports whether the agent knows its node: the watches are complete and every foreign pod that it found then was
// looked at.
func (a *Agent) Ready() bool { return a.first.over() }

// Alive reports whether decisions are still being made.
func (a *Agent) Alive() bool {
	const missed = 6
	return time.Since(time.Unix(0, a.joined.Load())) < missed*max(a.Resync, callAllowance)
}

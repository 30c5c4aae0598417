package podisolation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/workload"
)

// Wall filters on the node's end of a pod's link.
type Wall interface {
	// Up makes the wall of a pod stand.
	Up(pod *netns.Namespace, sandbox string, ips []netip.Addr) (hostlink.Standing, error)
	// Down removes the wall of a sandbox.
	Down(sandbox string) error
	// Standing returns the sandboxes with a wall, also those of an earlier agent.
	Standing() []string
}

// Parts is what a Quarantine is made of. What is nil is the kernel's.
type Parts struct {
	Settings quarantine.Settings
	Runtime  Confiner
	Wall     Wall
	Log      *slog.Logger

	// Open opens the network namespace of a target that holds the pod's addresses, OpenAny one that may hold others.
	Open, OpenAny func(endpoint.Target) (*netns.Namespace, error)
	// UserNamespaced reports whether a network namespace belongs to another user namespace than the node's.
	UserNamespaced func(*netns.Namespace) (bool, error)
}

// Quarantine keeps walls around the pods that their own rules cannot contain. It is safe for concurrent use. Make it with New.
// A nil Quarantine judges no pod and keeps no wall.
type Quarantine struct {
	parts    Parts
	examined examined
}

// New returns a Quarantine.
func New(p Parts) *Quarantine {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Open == nil {
		p.Open = netns.OpenPod
	}
	if p.OpenAny == nil {
		p.OpenAny = netns.OpenAny
	}
	if p.UserNamespaced == nil {
		p.UserNamespaced = (*netns.Namespace).InOtherUserNamespace
	}
	return &Quarantine{parts: p, examined: examined{runtime: p.Runtime}}
}

// Result is what Update has found and done.
type Result struct {
	Target   endpoint.Target      // what the pod's rules are to be
	Findings []quarantine.Finding // why the pod is quarantined; none: it is not
	Judged   bool                 // otherwise the pod could not be judged, and Findings says nothing
	Repaired bool                 // the wall had been changed by others
}

// Update judges the pod, and walls it in if its rules cannot contain it; if no wall can stand it stops the containers that the
// rules cannot contain. Delete takes the wall of a pod down without findings. The error has a reason (failure.ReasonOf).
func (q *Quarantine) Update(ctx context.Context, want assign.Assignment, t endpoint.Target) (Result, error) {
	out := Result{Target: t}
	if q == nil {
		return out, nil
	}
	ns, err := q.parts.OpenAny(t)
	if err != nil {
		return out, nil // the writer of the rules meets the same error, and returns it
	}
	defer ns.Close()
	if out.Findings, err = q.judge(ctx, want, t, ns); err != nil {
		return out, failure.New(failure.Confinement, err)
	}
	out.Judged = true
	if len(out.Findings) == 0 {
		return out, nil
	}
	standing, err := q.parts.Wall.Up(ns, t.Sandbox, t.Endpoint.IPs)
	out.Repaired = standing.Repaired
	if err != nil {
		err = errors.Join(failure.New(failure.Wall, fmt.Errorf("%s: %w", t.Endpoint, err)), q.stop(ctx, want, out.Findings))
	}
	if want.Proxy == "" || slices.ContainsFunc(out.Findings, func(f quarantine.Finding) bool { return f.Reason == quarantine.UserNamespace }) {
		out.Target.Quarantined, out.Target.Answered = true, standing.From
	}
	return out, err
}

// Observe judges the pod and changes nothing.
func (q *Quarantine) Observe(ctx context.Context, want assign.Assignment, t endpoint.Target) ([]quarantine.Finding, error) {
	if q == nil {
		return nil, nil
	}
	ns, err := q.parts.Open(t)
	if err != nil {
		return nil, err
	}
	defer ns.Close()
	return q.judge(ctx, want, t, ns)
}

// Delete takes the wall of a sandbox down, also one that an earlier agent has built, and reports whether there was one.
func (q *Quarantine) Delete(sandbox string) (ended bool, err error) {
	if q == nil || !slices.Contains(q.parts.Wall.Standing(), sandbox) {
		return false, nil
	}
	if err := q.parts.Wall.Down(sandbox); err != nil {
		return false, failure.New(failure.Wall, err)
	}
	return true, nil
}

// Prune takes down the walls of sandboxes that are gone, and forgets containers that are no longer listed.
func (q *Quarantine) Prune(listed []workload.Sandbox, gone func(sandbox string) bool) error {
	if q == nil {
		return nil
	}
	q.examined.prune(listed)
	var problems error
	for _, id := range q.parts.Wall.Standing() {
		if !gone(id) {
			continue
		}
		if err := q.parts.Wall.Down(id); err != nil {
			problems = errors.Join(problems, fmt.Errorf("sandbox %s: %w", id, err))
		}
	}
	return problems
}

// stop ends the containers that the rules cannot contain: what cannot be kept apart does not run.
func (q *Quarantine) stop(ctx context.Context, want assign.Assignment, findings []quarantine.Finding) error {
	var problems error
	for _, f := range findings {
		for c := range want.Containers.All() {
			// A pod that merely lacks a proxy, or room for one, is closed by rules that it cannot change.
			held := f.Reason == quarantine.ProxyMissing || f.Reason == quarantine.UserNamespace || f.Reason == quarantine.SharedProcesses
			if held || c.State != workload.Running || f.ID != "" && f.ID != c.ID {
				continue
			}
			q.parts.Log.Warn("container stopped: the pod cannot be kept apart otherwise", "namespace", want.Namespace, "pod", want.Name, "container", c.Name)
			if err := q.parts.Runtime.Stop(ctx, c.ID); err != nil && !errors.Is(err, sandbox.ErrGone) {
				problems = errors.Join(problems, err)
			}
		}
	}
	return problems
}

package startgate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"data-space.liqo.io/pkg/decisions/hold"
	"data-space.liqo.io/pkg/effects/fault"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/workload"
)

// Processes finds a container's first process, and ends it.
type Processes interface {
	// Process finds it by the container's id.
	Process(ctx context.Context, container string) (workload.Process, error)
	// ProcessOf reads the control group of a first process whose number is known; an error means that it has ended.
	ProcessOf(container string, pid int) (workload.Process, error)
	// Kill ends a first process that has not run its first instruction.
	Kill(container string, pid int) error
}

// NRI is the second gate, where the runtime offers NRI: it refuses a foreign sandbox that came past the first, and
// binds the exemption to the proxy's container after its process was made and before that runs. The runtime holds a lock
// over all containers of the node meanwhile: it answers as fast as it can, and what it need not do it leaves.
type NRI struct {
	gate      *Gate
	processes Processes
}

// NewNRI returns the second gate beside the first, by which it judges.
func NewNRI(g *Gate, p Processes) *NRI { return &NRI{gate: g, processes: p} }

// Connected learns which proxies run.
func (s *NRI) Connected(_ []nri.Pod, containers []nri.Container) {
	var proxies []podrules.Announced
	for _, c := range containers {
		if c.Name == apis.ProxyContainerName && c.PID > 0 {
			proxies = append(proxies, podrules.Announced{Sandbox: c.Sandbox, Container: c.ID, PID: c.PID})
		}
	}
	s.gate.parts.Binder.Reset(proxies)
	s.gate.parts.Log.Info("NRI is on: the exemption is bound before a proxy runs", "containers", len(containers), "proxies", len(proxies))
	s.gate.parts.Rounds.Relist()
}

// Made refuses a foreign sandbox that is not enforced.
func (s *NRI) Made(ctx context.Context, p nri.Pod) error {
	fault.At(fault.SandboxAnnounced)
	if p.Netns == "" || s.gate.parts.Rules.Starting(p.ID) {
		return nil // the node's own network, or the first gate has just let it through
	}
	d := s.gate.judge(ctx, p.Namespace, gate.MarkOf(p.Annotations))
	request := gate.Request{
		Op: gate.Add, Container: p.ID, Netns: p.Netns, Namespace: p.Namespace, Name: p.Name, UID: p.UID, IPs: p.IPs,
	}
	var err error
	switch d.Verdict {
	case hold.Pass:
	case hold.Refuse:
		if s.gate.parts.Chain == nil && d.Reason != hold.GuestSuspended {
			return nil // without a first gate nothing is held that might be ordinary
		}
		err = errors.New(d.Message)
	case hold.Enforce:
		err = patiently(ctx, func() error {
			_, err := s.gate.hold(ctx, request, d.Guest)
			return err
		})
	}
	if err == nil {
		return nil
	}
	s.gate.refuse(request, d.Reason, err.Error())
	return fmt.Errorf("Data Spacer holds pod %s/%s: %w", p.Namespace, p.Name, err) //nolint:staticcheck // a name
}

// Starting refuses a container that its pod's rules could not hold, and binds the exemption to a proxy. If that fails the
// proxy starts all the same: nothing leaves the pod until the agent's ordinary round has bound it.
func (s *NRI) Starting(ctx context.Context, p nri.Pod, c nri.Container) error {
	if p.Netns == "" {
		return nil
	}
	c, err := s.fit(ctx, p, c)
	if err != nil {
		return err
	}
	if c.Name != apis.ProxyContainerName {
		return nil
	}
	fault.At(fault.ProxyAnnounced)
	guest, guarded := s.gate.parts.Rules.Guest(p.ID)
	if !guarded {
		d := s.gate.judge(ctx, p.Namespace, gate.MarkOf(p.Annotations))
		if d.Verdict != hold.Enforce {
			return nil
		}
		guest = d.Guest
	}
	if err = patiently(ctx, func() error { return s.bind(ctx, p, c, guest) }); err != nil {
		s.gate.parts.Counters.Failed(failure.ReasonOf(err))
		s.gate.parts.Log.Error("the proxy starts before its exemption is bound: nothing leaves the pod until it is",
			"namespace", p.Namespace, "pod", p.Name, "error", err)
	}
	return nil
}

// bind binds a proxy's control group before its first instruction, and counts how long the proxy waited for that. An error of reason Runtime
// means that the proxy has ended.
func (s *NRI) bind(ctx context.Context, p nri.Pod, c nri.Container, guest string) error {
	started := time.Now()
	path, err := sandbox.Reach(p.Netns)
	if err != nil {
		return failure.New(failure.Open, err)
	}
	target := endpoint.Target{
		Endpoint: endpoint.Endpoint{Namespace: p.Namespace, Name: p.Name, UID: p.UID, Guest: guest, IPs: p.IPs},
		Sandbox:  p.ID, Netns: path,
	}
	out, opened, err := s.gate.parts.Binder.Bind(ctx, target, c.ID, c.PID)
	switch {
	case failure.ReasonOf(err) == failure.Runtime:
		return err // the proxy has ended: there was nothing to bind
	case opened:
		s.gate.parts.Rounds.Again(p.UID)
	default:
		s.gate.parts.Counters.Enforced(time.Since(started), out, err)
	}
	fault.At(fault.Bound)
	s.gate.metrics.bound(time.Since(started), err)
	if err == nil {
		s.gate.parts.Log.Info("exemption bound before the proxy runs", "namespace", p.Namespace, "pod", p.Name, "milliseconds", time.Since(started).Milliseconds())
	}
	return err
}

// Ended forgets a proxy.
func (s *NRI) Ended(c nri.Container) {
	if c.Name == apis.ProxyContainerName {
		s.gate.parts.Binder.Ended(c.Sandbox, c.ID)
	}
}

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
	Process(ctx context.Context, container string) (workload.Process, error)
	ProcessOf(container string, pid int) (workload.Process, error)
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
		if s.gate.parts.Chain == nil {
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

// fit returns the container with its process, or an error where the pod's rules could not hold it. It answers within the
// runtime's patience: a plugin that is late is disconnected, and the runtime starts everything without it. A container that
// could not be examined in time does not start unless its pod is known to be harmless; the kubelet tries again.
func (s *NRI) fit(ctx context.Context, p nri.Pod, c nri.Container) (nri.Container, error) {
	examined := make(chan nri.Container, 1)
	err := patiently(ctx, func() error {
		c := c
		if c.PID == 0 && s.foreign(ctx, p) { // CRI-O does not announce it
			if process, err := s.processes.Process(ctx, c.ID); err == nil {
				c.PID = process.PID
			}
		}
		examined <- c
		if err := s.unfit(ctx, p, c); err != nil {
			return errors.Join(err, s.processes.Kill(c.ID, c.PID)) // CRI-O starts what is refused, if there is something to start
		}
		return nil
	})
	switch {
	case err == nil:
		return <-examined, nil
	case failure.ReasonOf(err) == failure.Busy && s.harmless(ctx, p):
		return c, nil
	case failure.ReasonOf(err) == failure.Busy:
		return c, fmt.Errorf("Data Spacer could not examine container %s of pod %s/%s in time; it is tried again: %w", c.Name, p.Namespace, p.Name, err) //nolint:staticcheck // a name
	}
	return c, err
}

// foreign reports whether the pod is guarded, or should be.
func (s *NRI) foreign(ctx context.Context, p nri.Pod) bool {
	_, guarded := s.gate.parts.Rules.Guest(p.ID)
	return guarded || s.gate.judge(ctx, p.Namespace, gate.MarkOf(p.Annotations)).Verdict == hold.Enforce
}

// harmless reports whether the pod may start unexamined, by what the agent knows itself: there is no time to ask. Without a first
// gate only what is known to be a guest's is held.
func (s *NRI) harmless(ctx context.Context, p nri.Pod) bool {
	if _, guarded := s.gate.parts.Rules.Guest(p.ID); guarded {
		return false
	}
	known := s.gate.known(context.WithoutCancel(ctx), p.Namespace, gate.MarkOf(p.Annotations))
	switch hold.Judge(known).Verdict {
	case hold.Pass:
		return true
	case hold.Refuse:
		return s.gate.parts.Chain == nil
	case hold.Enforce:
	}
	return false
}

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
		s.gate.parts.Log.Info("exemption bound before the proxy runs", "namespace", p.Namespace, "pod", p.Name, "ms", time.Since(started).Milliseconds())
	}
	return err
}

// Ended forgets a proxy.
func (s *NRI) Ended(c nri.Container) {
	if c.Name == apis.ProxyContainerName {
		s.gate.parts.Binder.Ended(c.Sandbox, c.ID)
	}
}

// patiently runs f and returns what it does, or an error when the context ends before it: f goes on then.
func patiently(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return failure.New(failure.Busy, fmt.Errorf("it takes longer than the runtime waits, and goes on: %w", ctx.Err()))
	}
}

package startgate

import (
	"context"
	"errors"
	"fmt"

	"data-space.liqo.io/pkg/decisions/hold"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/workload"
)

// fit returns the container with its process, or an error where the pod's rules could not hold it. It answers within the
// runtime's patience: a plugin that is late is disconnected, and the runtime starts everything without it. A container that
// could not be examined in time does not start unless its pod is known to be harmless; the kubelet tries again.
func (s *NRI) fit(ctx context.Context, p nri.Pod, c nri.Container) (nri.Container, error) {
	examined := make(chan nri.Container, 1)
	err := patiently(ctx, func() error {
		ctx, c := context.WithoutCancel(ctx), c // late is better than not: CRI-O starts the container meanwhile
		if c.PID == 0 && s.foreign(ctx, p) {    // CRI-O does not announce it
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
	switch d := hold.Judge(known); d.Verdict {
	case hold.Pass:
		return true
	case hold.Refuse:
		return s.gate.parts.Chain == nil && d.Reason != hold.GuestSuspended
	case hold.Enforce:
	}
	return false
}

// unfit refuses a container of a foreign pod that the rules could not contain. Its process waits before its first instruction and
// has its bounding set already, so its capabilities in the kernel are a bound for every process of the container.
func (s *NRI) unfit(ctx context.Context, p nri.Pod, c nri.Container) error {
	findings, err := s.against(p, c)
	if err == nil && len(findings) == 0 {
		return nil
	}
	if !s.foreign(ctx, p) {
		return nil
	}
	reason := failure.Confinement
	if err == nil {
		reason, err = string(findings[0].Reason), errors.New(findings[0].Message)
	}
	s.gate.refuse(gate.Request{Op: gate.Add, Namespace: p.Namespace, Name: p.Name, UID: p.UID}, reason, err.Error())
	return fmt.Errorf("Data Spacer does not let container %s of pod %s/%s start: %w", c.Name, p.Namespace, p.Name, err) //nolint:staticcheck // a name
}

// against finds why the rules cannot contain a container that has not run yet.
func (s *NRI) against(p nri.Pod, c nri.Container) ([]quarantine.Finding, error) {
	if c.PID == 0 {
		return nil, nil
	}
	var proxy workload.Process
	if c.Name != apis.ProxyContainerName {
		proxy, _ = s.gate.parts.Binder.Proxy(p.ID)
	}
	return s.gate.parts.Examiner.BeforeStart(c.ID, c.Name, c.PID, proxy)
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

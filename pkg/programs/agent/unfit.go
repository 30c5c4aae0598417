package agent

import (
	"context"
	"errors"
	"fmt"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/gate"
)

// unfit refuses a container of a foreign pod that its rules could not hold. Its process waits for its first instruction, and
// has its bounding set already: what the kernel says of it now holds for all that the container will do.
func (s *Second) unfit(ctx context.Context, p nri.Pod, c nri.Container) error {
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

// against is what speaks against a container that has not run yet.
func (s *Second) against(p nri.Pod, c nri.Container) ([]quarantine.Finding, error) {
	q := s.agent.quarantine
	if q == nil || c.PID == 0 {
		return nil, nil
	}
	seen, err := q.Runtime.ConfinementOf(c.PID)
	if err != nil {
		return nil, err
	}
	pod := quarantine.Pod{Net: seen.Net, Containers: []quarantine.Container{{Confinement: seen, ID: c.ID, Name: c.Name}}}
	if pod.HostPID, err = q.Runtime.NodeProcesses(); err != nil {
		return nil, err
	}
	if proxy, bound := s.agent.bound.proxy(p.ID); bound && c.Name != apis.ProxyContainerName {
		if theirs, err := q.Runtime.ConfinementOf(proxy.PID); err == nil {
			pod.Containers = append(pod.Containers, quarantine.Container{Confinement: theirs, Name: apis.ProxyContainerName, Ended: false})
		}
	}
	findings := quarantine.Judge(pod, q.Settings)
	for i, f := range findings {
		if f.ID == c.ID {
			return findings[i : i+1], nil
		}
	}
	return nil, nil
}

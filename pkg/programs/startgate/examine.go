package startgate

import (
	"context"
	"errors"
	"fmt"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/workload"
)

// unfit refuses a container of a foreign pod that its rules could not hold. Its process waits for its first instruction, and
// has its bounding set already: what the kernel says of it now holds for all that the container will do.
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

package agent

import (
	"context"
	"errors"
	"fmt"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/workload"
)

// target looks closer at the sandbox and its proxy. If only the proxy cannot be looked at, the target is complete without
// it, so that the pod is closed, and the error says why.
func (a *Agent) target(ctx context.Context, want assign.Assignment) (t endpoint.Target, hostNetwork bool, err error) {
	detail, err := a.runtime.Sandbox(ctx, want.Sandbox)
	switch {
	case errors.Is(err, sandbox.ErrGone):
		return t, false, err
	case err != nil:
		return t, false, failure.New(failure.Runtime, err)
	case !detail.Ready:
		return t, false, fmt.Errorf("sandbox %s is no longer ready: %w", want.Sandbox, sandbox.ErrGone)
	case detail.HostNetwork:
		return t, true, nil
	}
	t = endpoint.Target{
		Endpoint: endpoint.Endpoint{Namespace: want.Namespace, Name: want.Name, UID: want.UID, Guest: want.Guest, IPs: detail.IPs},
		Sandbox:  want.Sandbox, Netns: detail.Netns, Runtime: detail.Runtime, Created: detail.Created,
	}
	if want.Proxy == "" {
		return t, false, nil
	}
	t.Proxy, err = a.runtime.Process(ctx, want.Proxy)
	switch {
	case errors.Is(err, sandbox.ErrGone) && want.ProxyState == workload.Created:
		return t, false, nil // it has no process before it starts
	case errors.Is(err, sandbox.ErrGone):
		return t, false, err
	case err != nil:
		return t, false, failure.New(failure.Runtime, err)
	}
	return t, false, nil
}

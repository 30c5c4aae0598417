package agent

import (
	"context"
	"errors"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/workload"
)

// orEnding returns err, and ErrGone where an ending pod or proxy explains it. A pod that ends loses its addresses, its network
// namespace and its control groups before the API server and the agent's last look at the runtime know that it ends: orEnding
// asks the runtime once more. Where the sandbox is still ready, the pod is looked at again a few times before it counts as a
// failure (passing): CRI-O takes the network away first.
func (a *Agent) orEnding(ctx context.Context, want assign.Assignment, tried workload.Process, err error) error {
	detail, lookErr := a.runtime.Sandbox(ctx, want.Sandbox)
	switch {
	case errors.Is(lookErr, sandbox.ErrGone), lookErr == nil && (!detail.Ready || len(detail.IPs) == 0):
		return errors.Join(err, sandbox.ErrGone)
	case lookErr == nil && errors.Is(err, netns.ErrNotThePods) && a.pods.enforcedIn(want.UID, want.Sandbox):
		return errors.Join(err, errLostAddresses) // the sandbox held them when it was enforced
	case failure.ReasonOf(err) == failure.Write && a.proxyEnded(ctx, want, tried):
		return errors.Join(err, sandbox.ErrGone)
	}
	return err
}

// proxyEnded reports whether the proxy that the rules were to be bound to has ended meanwhile. The kernel rejects a rule that
// names the control group of a process that is gone.
func (a *Agent) proxyEnded(ctx context.Context, want assign.Assignment, tried workload.Process) bool {
	if tried.Cgroup == "" {
		return false
	}
	if p, announced := a.rules.Proxy(want.Sandbox); announced {
		return p != tried
	}
	if want.Proxy == "" {
		return true
	}
	p, err := a.runtime.Process(ctx, want.Proxy)
	return errors.Is(err, sandbox.ErrGone) || err == nil && p != tried
}

// errLostAddresses says that a sandbox no longer holds the addresses that it held before.
var errLostAddresses = errors.New("it held them before: the pod may be ending")

// enforcedIn reports whether a pod was enforced in this sandbox before.
func (s *store) enforcedIn(uid, sandbox string) bool {
	r, named := s.get(uid)
	return named && r.target.Sandbox == sandbox && r.target.Netns != ""
}

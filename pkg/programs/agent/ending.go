package agent

import (
	"context"
	"errors"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
)

// orEnding returns err, and that the pod is ending where that explains it. A pod that ends loses its addresses, and its network
// namespace, before the API server and the agent's last look at the runtime know that it ends: the runtime is asked once more.
// Where the sandbox is still ready, the pod is looked at again a few times before it counts as a failure (passing): CRI-O takes the
// network away first.
func (a *Agent) orEnding(ctx context.Context, want assign.Assignment, err error) error {
	if !errors.Is(err, netns.ErrNotThePods) {
		return err
	}
	detail, lookErr := a.runtime.Sandbox(ctx, want.Sandbox)
	switch {
	case errors.Is(lookErr, sandbox.ErrGone), lookErr == nil && (!detail.Ready || len(detail.IPs) == 0):
		return errors.Join(err, sandbox.ErrGone)
	case lookErr == nil && a.table.enforcedIn(want.UID, want.Sandbox):
		// It did hold them when it was enforced.
		return errors.Join(err, errLostAddresses)
	}
	return err
}

// errLostAddresses says that a sandbox no longer holds the addresses that it held before.
var errLostAddresses = errors.New("it held them before: the pod may be ending")

// enforcedIn reports whether a pod was enforced in this sandbox before.
func (t *table) enforcedIn(uid, sandbox string) bool {
	r, named := t.get(uid)
	return named && r.target.Sandbox == sandbox && r.target.Netns != ""
}

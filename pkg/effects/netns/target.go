package netns

import (
	"errors"
	"fmt"

	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
)

// OpenPod opens the target's network namespace, and rejects one that is not the pod's. Errors have a reason (failure.ReasonOf).
func OpenPod(t endpoint.Target) (*Namespace, error) {
	ns, err := Open(t.Netns)
	if err != nil {
		return nil, failure.New(failure.Open, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	if err := ns.CheckPod(t.Endpoint.IPs); err != nil {
		return nil, errors.Join(failure.New(refusal(err), fmt.Errorf("%s: %w", t.Endpoint, err)), ns.Close())
	}
	return ns, nil
}

// OpenAny opens the target's network namespace without comparing addresses: a pod that can change its addresses must not escape.
// It rejects the node's own.
func OpenAny(t endpoint.Target) (*Namespace, error) {
	ns, err := Open(t.Netns)
	if err != nil {
		return nil, err
	}
	if err := ns.CheckNotHost(); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	return ns, nil
}

// refusal returns the reason for which a network namespace is not a pod's.
func refusal(err error) string {
	switch {
	case errors.Is(err, errHost):
		return failure.HostNamespace
	case errors.Is(err, ErrNotThePods):
		return failure.NotThePods
	default:
		return failure.Open
	}
}

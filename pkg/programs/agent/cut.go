package agent

import (
	"context"
	"errors"

	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/iptables"
)

// ranBefore reports whether the pod ran before anybody guarded it: its namespace came to be a guest's later, or there was
// no agent. Nothing remembers it, and its network namespace is not closed.
func (a *Agent) ranBefore(ctx context.Context, t endpoint.Target) bool {
	if _, known := a.enforcer.ledger.Get(t.Sandbox); known {
		return false
	}
	out, err := a.enforcer.Observe(ctx, t)
	if err != nil {
		return false // whoever writes the rules meets the same, and says so
	}
	for _, set := range out.State.Rulesets {
		filter, _ := set.Table("filter")
		if chain, _ := filter.Chain("OUTPUT"); chain.Policy != iptables.Drop {
			return true
		}
	}
	return false
}

// cut ends the connections of a pod that was not guarded. Its rules would let nothing of them pass either; but who is at
// their ends is to know. What the proxy has opened is as it is to be.
func (a *Agent) cut(t endpoint.Target) error {
	ns, err := open(t)
	if err != nil {
		return nil // whoever writes the rules meets the same, and says so
	}
	defer ns.Close()
	ended, err := sockets.End(ns, uint32(apis.ProxyUID))
	if ended > 0 {
		a.Log.Info("connections ended that are older than the pod's rules", "namespace", t.Endpoint.Namespace, "pod", t.Endpoint.Name, "connections", ended)
	}
	if err = errors.Join(err, sockets.Forget(ns)); err != nil {
		return failure.New(failure.Write, err)
	}
	return nil
}

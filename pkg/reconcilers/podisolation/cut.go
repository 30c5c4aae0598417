package podisolation

import (
	"errors"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
)

// Cut ends the connections of a pod that was not guarded, and returns how many. Its rules would let nothing of them pass either, but
// a connection must not look alive to its ends. What the proxy has opened stays. The error has a reason (failure.ReasonOf).
func Cut(t endpoint.Target) (ended int, err error) {
	ns, err := netns.OpenPod(t)
	if err != nil {
		return 0, nil // the writer of the rules meets the same error, and returns it
	}
	defer ns.Close()
	ended, err = sockets.End(ns, uint32(apis.ProxyUID))
	if err = errors.Join(err, sockets.Forget(ns)); err != nil {
		return ended, failure.New(failure.Write, err)
	}
	return ended, nil
}

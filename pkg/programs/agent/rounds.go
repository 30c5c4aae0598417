package agent

import (
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/endpoint"
)

// aside is how long the rest of a start's work waits for the runtime to be done with the start: on a small node it would
// take the time from that.
const aside = 50 * time.Millisecond

// Again has the pod looked at soon, whatever is known of it.
func (a *Agent) Again(uid string) {
	a.pods.update(uid, func(r *record) { r.did = assign.Assignment{} })
	a.queue.AddAfter(uid, aside)
}

// Relist has the runtime's sandboxes listed soon.
func (a *Agent) Relist() {
	a.relist.Store(true)
	a.notify()
}

// Target returns the target that was last enforced in a sandbox.
func (a *Agent) Target(box string) (endpoint.Target, bool) { return a.pods.ofSandbox(box) }

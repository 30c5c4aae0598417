package agent

import (
	"fmt"
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/endpoint"
)

// EventFoundUnenforced is the reason of the Event on a pod that ran before anything enforced it.
const EventFoundUnenforced = "FoundUnenforced"

// foundUnenforced reports a pod that started past both gates. Its rules have just been written, and the connections that are
// older than these were ended.
func (a *Agent) foundUnenforced(want assign.Assignment, t endpoint.Target) {
	if !a.Gated {
		return
	}
	a.metrics.found.Inc()
	a.warn(want, EventFoundUnenforced, fmt.Sprintf("the pod ran without rules since %s: no agent ran on node %s, another program had taken the "+
		"CNI plugin out of the node's chain, or the pod's namespace was not a guest's then. Its connections were ended and its rules are "+
		"written now; what it did before is not recorded", t.Created.UTC().Format(time.RFC3339), a.Node))
}

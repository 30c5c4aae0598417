package endpoint

import (
	"net/netip"
	"time"

	"data-space.liqo.io/pkg/values/workload"
)

// Target is a pod's network namespace and what its rules depend on.
type Target struct {
	Endpoint Endpoint
	Sandbox  string           // id
	Netns    string           // a path that opens it
	Proxy    workload.Process // the proxy's process; zero: none runs, nothing leaves the pod

	Runtime     workload.Runtime // what runs the sandbox
	Suspended   bool             // its guest is suspended: nothing leaves or enters the pod, whatever the node asks
	Quarantined bool             // the proxy is not exempt: only what the node asks is answered
	Answered    []netip.Addr     // from where the node asks
	Created     time.Time        // the sandbox
}

package startgate

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/workload"
)

// Rules keeps the rules of pods, one sandbox at a time (podrules.Reconciler).
type Rules interface {
	// Start makes a target hold the rules of a pod whose start is held.
	Start(ctx context.Context, t endpoint.Target) (podrules.Outcome, error)
	// Observe reads what a target holds, and writes nothing.
	Observe(ctx context.Context, t endpoint.Target) (podrules.Outcome, error)
	// Starting reports whether the sandbox's start was held, and the runtime may still be about to list it.
	Starting(box string) bool
	// Guest returns the guest of a sandbox that is guarded.
	Guest(box string) (guest string, guarded bool)
}

// Binder binds the rules of sandboxes to their proxies (podrules.Reconciler).
type Binder interface {
	// Bind lets the proxy out that the runtime has made and does not run yet. Update must follow where it was opened.
	Bind(ctx context.Context, t endpoint.Target, container string, pid int) (out podrules.Outcome, opened bool, err error)
	// Reset replaces all announced proxies.
	Reset(proxies []podrules.Announced)
	// Ended forgets a proxy, unless the sandbox has another by now.
	Ended(box, container string)
	// Proxy returns the process of a sandbox's proxy, if it was announced and still runs.
	Proxy(box string) (workload.Process, bool)
}

// Frames keeps the frame filters of pods (podisolation.Frames).
type Frames interface {
	// Start makes the filter of a target stand.
	Start(t endpoint.Target) error
}

// Examiner judges containers (podisolation.Quarantine).
type Examiner interface {
	// BeforeStart finds why rules cannot contain a container that has not run its first instruction.
	BeforeStart(id, name string, pid int, proxy workload.Process) ([]quarantine.Finding, error)
}

// Rounds is the agent's own work on pods, which the gates go before.
type Rounds interface {
	// Again makes the agent evaluate a pod again soon, even if nothing about it changed.
	Again(uid string)
	// Relist has the agent list the runtime's sandboxes soon.
	Relist()
	// Target returns the target that was last enforced in a sandbox.
	Target(box string) (endpoint.Target, bool)
}

// Cluster is the API server, and the watch of it.
type Cluster interface {
	// Synced reports whether the watch's first lists are complete.
	Synced() bool
	// Problem is why the API server does not answer; "": it answers.
	Problem() string
	// Namespace asks the API server itself.
	Namespace(ctx context.Context, name string) (space workload.Namespace, found bool, err error)
}

// Spaces is what the watch holds of all namespaces.
type Spaces interface {
	// Space returns one of them.
	Space(ctx context.Context, name string) (space workload.Namespace, found bool, err error)
	// Spaces returns all.
	Spaces(ctx context.Context) ([]workload.Namespace, error)
	// OnSpace has notify called after each change, until the context ends.
	OnSpace(ctx context.Context, notify func()) error
}

// Chain is the node's CNI configuration, which the gate's plugin has a place in.
type Chain interface {
	Keep(ctx context.Context) error // puts the plugin in and back in, until the context ends
	Problem() error                 // why it is not in the chain now; nil: it is
}

// Reporter writes Kubernetes Events on pods.
type Reporter interface {
	// Warning writes an Event of type Warning.
	Warning(namespace, name, uid, reason, message string)
}

// Counters are the agent's metrics that the gates count in too.
type Counters interface {
	// Failed counts a failure.
	Failed(reason string)
	// Enforced counts one pass over one pod.
	Enforced(took time.Duration, out podrules.Outcome, err error)
}

// Parts is what the gates work with.
type Parts struct {
	Rules    Rules
	Binder   Binder
	Frames   Frames
	Examiner Examiner
	Rounds   Rounds
	Cluster  Cluster
	Spaces   Spaces
	Chain    Chain // nil: there is no first gate
	Reporter Reporter
	Counters Counters
	Registry prometheus.Registerer
	Log      *slog.Logger
}

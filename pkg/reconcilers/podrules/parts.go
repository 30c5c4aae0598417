package podrules

import (
	"context"
	"log/slog"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/droplog"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/workload"
)

// Parts is what a Reconciler is made of. What is nil is the kernel's, and of Process nothing is announced.
type Parts struct {
	Dataplane Dataplane
	Store     Store
	Log       *slog.Logger

	// Process finds the process of an announced proxy; an error means that it has ended.
	Process func(container string, pid int) (workload.Process, error)
	// Open opens a target's network namespace; its errors have a reason (failure.ReasonOf).
	Open func(endpoint.Target) (*netns.Namespace, error)
	// Prepare sets what the rules rely on in a network namespace whose proxy runs, and returns what had to be changed.
	Prepare func(*netns.Namespace) ([]string, error)
	// Mark marks the listeners of a proxy, and returns those that are marked.
	Mark func(sockets.Owner) (sockets.Marked, error)
	// Hooks finds what else may change a packet; nil: it is not looked for.
	Hooks Hooks
	// Events notices changes that others make.
	Events Events
	// DropLog reads what rules log before they drop it; nil: the kernel's, if rules log.
	DropLog DropLog
}

// DropLog reads the packets that rules in network namespaces log.
type DropLog interface {
	// Watch listens in a namespace.
	Watch(sandbox string, ns *netns.Namespace) error
	// Forget listens there no longer, which keeps a namespace alive.
	Forget(sandbox string)
	// Run calls each with packets, and with an empty sandbox once a second, until the context ends. each does not call Watch or Forget.
	Run(ctx context.Context, each func(sandbox string, p droplog.Packet))
}

// Hooks finds and removes what may change a packet in a network namespace beside the planned rules.
type Hooks interface {
	// Own returns what the container runtime has made there.
	Own(*netns.Namespace) (known string, err error)
	// Verify returns what else is there, and removes it if it is asked to: then an error names what is left.
	Verify(ctx context.Context, ns *netns.Namespace, known string, repair bool) ([]drift.Finding, error)
}

// Events notices that the rules or links of network namespaces may have changed.
type Events interface {
	// Watch listens in a namespace.
	Watch(sandbox string, ns *netns.Namespace) error
	// Forget listens there no longer, which keeps a namespace alive.
	Forget(sandbox string)
	// Run calls changed with the sandbox, until the context ends.
	Run(ctx context.Context, changed func(sandbox string)) error
}

// Dataplane reads and writes rulesets in network namespaces.
type Dataplane interface {
	Writer
	// Observe compares what a network namespace holds with the rulesets, and writes nothing.
	Observe(context.Context, *netns.Namespace, []iptables.Ruleset) (dataplane.State, error)
	// Unchanged reports whether a network namespace holds what it held when the State was read there, and returns the State with the counters of
	// now. It starts no program.
	Unchanged(*netns.Namespace, dataplane.State) (dataplane.State, bool)
	// Clear removes all rules.
	Clear(context.Context, *netns.Namespace, ...iptables.Family) error
}

// Writer writes rulesets in network namespaces.
type Writer interface {
	// Enforce writes what the kernel does not hold, and reads it back.
	Enforce(context.Context, *netns.Namespace, []iptables.Ruleset) (dataplane.State, error)
	// Rewrite writes everything, also what looks alike.
	Rewrite(context.Context, *netns.Namespace, []iptables.Ruleset) (dataplane.State, error)
	// Fill adds rules to the chains that are there, and reads nothing back.
	Fill(context.Context, *netns.Namespace, []iptables.Ruleset) error
}

// Store remembers what is guarded, across restarts.
type Store interface {
	// All returns what is remembered, by sandbox.
	All() map[string]ledger.Entry
	// Get returns the entry of a sandbox.
	Get(sandbox string) (ledger.Entry, bool)
	// Put stores an entry whole or not at all.
	Put(ledger.Entry) error
	// Delete forgets a sandbox.
	Delete(sandbox string) error
}

// Outcome is what the kernel holds after Update.
type Outcome struct {
	State    dataplane.State
	Planned  []iptables.Ruleset // what State was compared with, by Observe only
	Inode    uint64             // of the network namespace
	Proxy    workload.Process   // that the rules are bound to; zero: none
	Bound    bool               // the exemption belongs to the target's proxy
	Repaired []drift.Finding    // what other programs had changed
	Prepared []string           // what had to be changed besides the rules
}

package podhooks

import "data-space.liqo.io/pkg/decisions/drift"

// stranger is one thing that should not be there.
type stranger struct {
	drift.Finding
	key    string       // of what the container runtime may have made; empty: the runtime makes no such thing
	remove func() error // runs in the namespace
}

// where is the place of what belongs to no table.
const where = "network namespace"

package agent

import (
	"log/slog"
	"time"
)

// Config is how the agent runs. All durations are positive.
type Config struct {
	Node    string
	Resync  time.Duration // between two looks at the runtime's whole list, which events otherwise make unnecessary
	Verify  time.Duration // between two looks at what the kernel holds for one pod
	Workers int
	Log     *slog.Logger
	Gated   bool // a gate should have held every foreign pod that runs

	Backend, BackendSign string // which iptables backend the node uses, and how that is known
	RuntimeName, Socket  string // the container runtime and where it answers
}

// Times that need no flag.
const (
	// noEventsResync replaces Config.Resync while the runtime sends no events.
	noEventsResync = time.Second
	// coalesce is how long changes are collected before the next decision.
	coalesce = 20 * time.Millisecond
	// patience is how long the proxy may take to start before an Event says that it does not.
	patience = 10 * time.Second
	// Pauses between attempts on one pod after failures.
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
	// tolerated is how many times in a row a pod may be found to be just ending before that counts as a failure.
	tolerated = 6
)

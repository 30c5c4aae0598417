package workloads

import (
	"sync/atomic"
	"time"
)

// pace bounds how much of a core the rounds take, however often something changes. A change after a rest waits for leastDelay only. It is
// safe for concurrent use.
type pace struct{ busy atomic.Int64 }

const (
	leastDelay = 100 * time.Millisecond
	mostDelay  = 10 * time.Second
	restFactor = 3 // rounds take a quarter of a core at most
)

// took notes that a decision ended at a time, and how long it took.
func (p *pace) took(now time.Time, d time.Duration) {
	p.busy.Store(now.Add(min(restFactor*d, mostDelay)).UnixNano())
}

// delay is how long changes are collected before the next round.
func (p *pace) delay(now time.Time) time.Duration {
	return max(leastDelay, time.Duration(p.busy.Load()-now.UnixNano()))
}

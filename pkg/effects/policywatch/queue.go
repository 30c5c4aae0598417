package policywatch

import (
	"context"
	"sync"

	"data-space.liqo.io/pkg/decisions/netpol"
)

// maxQueued is how many changes wait at most; then the watches wait, and the API server with them.
const maxQueued = 2048

// queue holds the changes that are not taken yet.
type queue struct {
	news    chan struct{}
	room    chan struct{}
	mu      sync.Mutex
	changes []netpol.Change
	missing map[string]struct{} // kinds whose first list has not arrived
}

func newQueue(kinds ...string) *queue {
	q := &queue{news: make(chan struct{}, 1), room: make(chan struct{}, 1), missing: map[string]struct{}{}}
	for _, k := range kinds {
		q.missing[k] = struct{}{}
	}
	return q
}

// put appends a change. It waits while the queue is full.
func (q *queue) put(ctx context.Context, c netpol.Change) error {
	for {
		q.mu.Lock()
		full := len(q.changes) >= maxQueued
		if !full {
			q.changes = append(q.changes, c)
		}
		q.mu.Unlock()
		wake(q.news)
		if !full {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-q.room:
		}
	}
}

// arrived notes that the kind's first list is in the queue.
func (q *queue) arrived(kind string) {
	q.mu.Lock()
	delete(q.missing, kind)
	q.mu.Unlock()
	wake(q.news)
}

// take returns what is queued, and whether every kind's first list was taken with it or before.
func (q *queue) take() (changes []netpol.Change, complete bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	changes, q.changes = q.changes, nil
	wake(q.room)
	return changes, len(q.missing) == 0
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

package sandbox

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pauses between attempts to get the stream of events back.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 15 * time.Second
	settle     = time.Second
)

// Watch calls notify after each event of the runtime (a sandbox or container was created, started, stopped, deleted),
// and once after each (re)connection, when events may have been missed. It blocks until the context ends. Live is
// true while the stream is connected. A runtime without a stream (CRI-O without enable_pod_events) reports changes only by List.
func (c *Client) Watch(ctx context.Context, live *atomic.Bool, notify func()) {
	pause := firstPause
	for ctx.Err() == nil {
		started := time.Now()
		_ = c.stream(ctx, live, notify) // its end is not a failure: Live is false until the next attempt
		live.Store(false)
		if time.Since(started) > lastPause {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// stream calls notify for each event of the runtime until the stream or the context ends. Whoever is notified lists again, so that an event
// that is lost costs time and nothing else. It sets live once it is known that the runtime has events.
func (c *Client) stream(ctx context.Context, live *atomic.Bool, notify func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := c.cri.GetContainerEvents(ctx, &cri.GetEventsRequest{})
	if err != nil {
		return fmt.Errorf("events of %s: %w", c.Socket, plain(err))
	}
	arrived := make(chan error)
	go func() {
		for err := error(nil); err == nil; {
			_, err = events.Recv()
			select {
			case arrived <- err:
			case <-ctx.Done():
				return
			}
		}
	}()
	// A runtime that has no events ends the stream at once: it counts as live only after that moment has passed.
	settled := time.NewTimer(settle)
	defer settled.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-arrived:
			if err != nil {
				return fmt.Errorf("events of %s: %w", c.Socket, plain(err))
			}
		case <-settled.C:
		}
		live.Store(true)
		notify()
	}
}

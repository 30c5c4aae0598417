package kubectlplugin

import (
	"fmt"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/values/agentapi"
)

// mostKept bounds the events of one node that are kept in memory, in bytes of their lines: root of a node may have its agent answer anything, without end.
const mostKept = 64 << 20

// keptOfBooks is about what is kept of an event that only has the hash of a part of a record: each guest has one a minute.
const keptOfBooks = 128

// keptOfOne is about what is kept of a pod or a policy, whose newest line may have more than its first.
const keptOfOne = 8 << 10

// longestAnswer is how long the events of a node are read. An agent ends an answer that follows its logs earlier.
const longestAnswer = agentapi.LongestFollow + time.Minute

// collected takes the events of a node.
type collected struct {
	mu   *sync.Mutex // of all nodes
	take func(e happening.Event, size int) (kept int)
	left int // bytes that may be kept
}

// add takes an event if ok. The error ends the answer that the event is of.
func (c *collected) add(size int, e happening.Event, ok bool) error {
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left < size {
		return fmt.Errorf("the agent answers more than %d MiB of events; ask for less: a shorter time (--since), or the newest (watch --last)", mostKept>>20)
	}
	c.left -= c.take(e, size)
	return nil
}

// sized returns a taker of events that reports how many bytes it keeps, for one that reports whether it keeps an event.
func sized(take func(happening.Event) bool) func(e happening.Event, size int) int {
	return func(e happening.Event, size int) int {
		switch kept := take(e); {
		case kept && e.Type == happening.Books:
			return keptOfBooks
		case kept:
			return size
		}
		return 0
	}
}

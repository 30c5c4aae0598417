package agent

import (
	"sync"
	"time"

	"data-space.liqo.io/pkg/values/endpoint"
)

const (
	// startingFor is how long a sandbox may take from its network to its place in the runtime's list. Afterwards it is taken
	// to have failed.
	startingFor = 5 * time.Minute
	// newbornFor is how long nothing but the proxy is expected to run in a sandbox whose start was held.
	newbornFor = 30 * time.Second
)

// starting is the sandboxes that were enforced before the runtime lists them. It is safe for concurrent use.
type starting struct {
	mu  sync.Mutex
	all map[string]start
}

type start struct {
	since  time.Time
	listed bool
}

// add notes a sandbox.
func (s *starting) add(id string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]start{}
	}
	s.all[id] = start{since: now}
	for old, b := range s.all {
		if now.Sub(b.since) > startingFor {
			delete(s.all, old)
		}
	}
}

// holds reports whether the sandbox may still be about to be listed.
func (s *starting) holds(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.all[id]
	return ok && !b.listed && now.Sub(b.since) <= startingFor
}

// newborn reports whether the sandbox's start was held a moment ago.
func (s *starting) newborn(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.all[id]
	return ok && now.Sub(b.since) <= newbornFor
}

// listed notes that the runtime lists the sandbox.
func (s *starting) listed(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.all[id]; ok {
		b.listed = true
		s.all[id] = b
	}
}

// ofSandbox returns the target that was last carried out in a sandbox.
func (t *table) ofSandbox(id string) (endpoint.Target, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.records {
		if r.target.Sandbox == id && r.target.Netns != "" {
			return r.target, true
		}
	}
	return endpoint.Target{}, false
}

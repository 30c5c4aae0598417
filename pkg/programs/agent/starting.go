package agent

import (
	"sync"
	"time"
)

// startingFor is how long a sandbox may take from its network to its place in the runtime's list. Afterwards it is taken
// to have failed.
const startingFor = 5 * time.Minute

// starting is the sandboxes that were enforced before the runtime lists them. It is safe for concurrent use.
type starting struct {
	mu    sync.Mutex
	since map[string]time.Time
}

// add notes a sandbox.
func (s *starting) add(id string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since == nil {
		s.since = map[string]time.Time{}
	}
	s.since[id] = now
	for old, since := range s.since {
		if now.Sub(since) > startingFor {
			delete(s.since, old)
		}
	}
}

// holds reports whether the sandbox may still be about to be listed.
func (s *starting) holds(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	since, ok := s.since[id]
	return ok && now.Sub(since) <= startingFor
}

// listed forgets a sandbox that the runtime lists.
func (s *starting) listed(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.since, id)
}

// ofSandbox returns the target that was last carried out in a sandbox.
func (t *table) ofSandbox(id string) (Target, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.records {
		if r.target.Sandbox == id && r.target.Netns != "" {
			return r.target, true
		}
	}
	return Target{}, false
}

package agent

import (
	"sync"

	"data-space.liqo.io/pkg/effects/hostlink"
)

// frameTally is what filters have found and no Event has reported yet, by sandbox: the gate looks as well as the agent's
// rounds do. Safe for concurrent use.
type frameTally struct {
	mu sync.Mutex
	of map[string]hostlink.Filtered
}

// add notes what was found.
func (f *frameTally) add(sandbox string, found hostlink.Filtered) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[string]hostlink.Filtered{}
	}
	last := f.of[sandbox]
	found.FromNode += last.FromNode
	found.FromPod += last.FromPod
	found.Repaired = found.Repaired || last.Repaired
	f.of[sandbox] = found
}

// take returns what was found, and forgets it.
func (f *frameTally) take(sandbox string) hostlink.Filtered {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := f.of[sandbox]
	delete(f.of, sandbox)
	return found
}

// forget drops what was found in sandboxes that are gone.
func (f *frameTally) forget(sandboxes []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range sandboxes {
		delete(f.of, id)
	}
}

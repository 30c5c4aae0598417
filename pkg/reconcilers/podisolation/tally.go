package podisolation

import (
	"sync"

	"data-space.liqo.io/pkg/effects/hostlink"
)

// tally is what filters have found and no Update has returned yet, by sandbox: starts look as well as updates do. It is safe for
// concurrent use.
type tally struct {
	dropped func(hostlink.Filtered) // may be nil

	mu sync.Mutex
	of map[string]hostlink.Filtered
}

// add notes what was found.
func (f *tally) add(sandbox string, found hostlink.Filtered) {
	if f.dropped != nil {
		f.dropped(found)
	}
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
func (f *tally) take(sandbox string) hostlink.Filtered {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := f.of[sandbox]
	delete(f.of, sandbox)
	return found
}

// forget drops what was found in sandboxes that are gone.
func (f *tally) forget(sandboxes []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range sandboxes {
		delete(f.of, id)
	}
}

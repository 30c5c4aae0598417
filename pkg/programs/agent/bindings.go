package agent

import (
	"sync"

	"data-space.liqo.io/pkg/values/workload"
)

// bindings is which container is each sandbox's proxy, as the runtime announced it before it ran. The runtime's own list
// follows later: until it does, it must not undo what was bound. Safe for concurrent use.
type bindings struct {
	check func(container string, pid int) (workload.Process, error) // set before use, or never: then there are none

	mu sync.Mutex
	of map[string]binding // by sandbox
}

type binding struct {
	container string
	pid       int
}

// set notes the sandbox's proxy.
func (b *bindings) set(box, container string, pid int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of == nil {
		b.of = map[string]binding{}
	}
	b.of[box] = binding{container, pid}
}

// remove forgets the sandbox's proxy, unless it is another by now.
func (b *bindings) remove(box, container string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of[box].container == container {
		delete(b.of, box)
	}
}

// clear forgets all.
func (b *bindings) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.of)
}

// proxy is the process of the sandbox's proxy, if it was announced and still is that container's.
func (b *bindings) proxy(box string) (workload.Process, bool) {
	b.mu.Lock()
	announced, ok := b.of[box]
	b.mu.Unlock()
	if !ok || b.check == nil {
		return workload.Process{}, false
	}
	p, err := b.check(announced.container, announced.pid)
	if err != nil {
		b.remove(box, announced.container)
		return workload.Process{}, false
	}
	return p, true
}

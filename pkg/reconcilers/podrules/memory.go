package podrules

import (
	"sync"
	"time"

	"data-space.liqo.io/pkg/values/workload"
)

const (
	// startingFor is how long a sandbox may take from its network to its place in the runtime's list. Afterwards its start is
	// taken to have failed.
	startingFor = 5 * time.Minute
	// newbornFor is how long only the proxy is expected to run in a sandbox whose start was held.
	newbornFor = 30 * time.Second
)

// memory is what is known of sandboxes beside what outlives the agent (Store): which one is being written, whose start was held,
// and which proxy the runtime has announced. It is safe for concurrent use. Nothing is kept of a sandbox of which nothing is known.
type memory struct {
	// process finds the announced proxy's process; an error means that it has ended.
	process func(container string, pid int) (workload.Process, error)

	mu    sync.Mutex
	boxes map[string]*box
}

// box is one sandbox.
type box struct {
	writing sync.Mutex
	writers int // that hold the lock or wait for it

	held   time.Time // when its start was held; zero: it was not
	listed bool      // by the runtime, since then

	// The proxy's container and its first process, as the runtime announced them before it ran. The runtime's list follows later:
	// until it does, it must not undo what was bound.
	container string
	pid       int
}

// of returns the sandbox's entry, and makes it where there is none. The caller holds the lock, and notes something in it.
func (m *memory) of(id string) *box {
	if m.boxes == nil {
		m.boxes = map[string]*box{}
	}
	b, ok := m.boxes[id]
	if !ok {
		b = &box{}
		m.boxes[id] = b
	}
	return b
}

// drop removes an entry that holds nothing. The caller holds the lock.
func (m *memory) drop(id string) {
	if b, ok := m.boxes[id]; ok && b.writers == 0 && b.held.IsZero() && b.container == "" {
		delete(m.boxes, id)
	}
}

// lock waits until the sandbox is written by no other call, and returns what gives it back.
func (m *memory) lock(id string) func() {
	m.mu.Lock()
	b := m.of(id)
	b.writers++
	m.mu.Unlock()
	b.writing.Lock()
	return func() {
		b.writing.Unlock()
		m.mu.Lock()
		defer m.mu.Unlock()
		b.writers--
		m.drop(id)
	}
}

// hold notes that the sandbox's start is held, and forgets starts that have failed.
func (m *memory) hold(id string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.of(id)
	b.held, b.listed = now, false
	for old, b := range m.boxes {
		if now.Sub(b.held) > startingFor {
			b.held = time.Time{}
			m.drop(old)
		}
	}
}

// starting reports whether the sandbox may still be about to be listed.
func (m *memory) starting(id string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.boxes[id]
	return ok && !b.held.IsZero() && !b.listed && now.Sub(b.held) <= startingFor
}

// newborn reports whether the sandbox's start was held a moment ago.
func (m *memory) newborn(id string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.boxes[id]
	return ok && !b.held.IsZero() && now.Sub(b.held) <= newbornFor
}

// list notes that the runtime lists the sandbox.
func (m *memory) list(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, ok := m.boxes[id]; ok {
		b.listed = true
	}
}

// announce notes the sandbox's proxy.
func (m *memory) announce(id, container string, pid int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.of(id)
	b.container, b.pid = container, pid
}

// ended forgets the sandbox's proxy, unless it is another by now.
func (m *memory) ended(id, container string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, ok := m.boxes[id]; ok && b.container == container {
		b.container, b.pid = "", 0
		m.drop(id)
	}
}

// reset forgets all proxies.
func (m *memory) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, b := range m.boxes {
		b.container, b.pid = "", 0
		m.drop(id)
	}
}

// proxy returns the process of the sandbox's proxy, if it was announced and still is that container's.
func (m *memory) proxy(id string) (workload.Process, bool) {
	m.mu.Lock()
	b, ok := m.boxes[id]
	var container string
	var pid int
	if ok {
		container, pid = b.container, b.pid
	}
	m.mu.Unlock()
	if container == "" || m.process == nil {
		return workload.Process{}, false
	}
	p, err := m.process(container, pid)
	if err != nil {
		m.ended(id, container)
		return workload.Process{}, false
	}
	return p, true
}

// Proxy returns the process of the sandbox's proxy, if it was announced and still runs.
func (e *Reconciler) Proxy(box string) (workload.Process, bool) { return e.memory.proxy(box) }

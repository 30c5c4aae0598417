package nodepolicy

import (
	"slices"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
)

// maxShown bounds how many findings are named.
const maxShown = 10

// account is what has happened. Safe for concurrent use.
type account struct {
	mu       sync.Mutex
	problem  string
	lookedAt time.Time
	drifts   int
	last     []nodefilter.Finding
	escapes  []nodefilter.Escape
	marks    []netpol.MarkUse
}

// trouble notes what is wrong now; "" that nothing is.
func (a *account) trouble(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.problem = text
}

// looked notes that the kernel was found, or made, right.
func (a *account) looked(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.problem, a.lookedAt = "", at
}

func (a *account) drifted(findings []nodefilter.Finding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drifts += len(findings)
	a.last = findings[:min(len(findings), maxShown)]
}

// escaping notes the escapes, and returns those that were not there before.
func (a *account) escaping(now []nodefilter.Escape) []nodefilter.Escape {
	a.mu.Lock()
	defer a.mu.Unlock()
	var fresh []nodefilter.Escape
	for _, e := range now {
		known := slices.ContainsFunc(a.escapes, func(old nodefilter.Escape) bool { return old.Bridge == e.Bridge && old.Family == e.Family })
		if !known {
			fresh = append(fresh, e)
		}
	}
	a.escapes = now
	return fresh
}

// marked notes the rules of other programs that use our mark bits, and returns those that were not there before.
func (a *account) marked(now []netpol.MarkUse) []netpol.MarkUse {
	a.mu.Lock()
	defer a.mu.Unlock()
	var fresh []netpol.MarkUse
	for _, u := range now {
		if !slices.Contains(a.marks, u) {
			fresh = append(fresh, u)
		}
	}
	a.marks = now
	return fresh
}

// reading is what metrics show.
type reading struct {
	netpol.Summary
	inForce bool
	escapes int
}

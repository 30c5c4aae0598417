package apiproxy

import (
	"strings"
	"sync"
)

// bearer returns on whom an open request counts, whomever its caller acts as: the caller's guest, which makes users of its own as it likes,
// or the caller.
func bearer(ids []string, caller string) string {
	if len(ids) > 0 {
		return "guest " + strings.Join(ids, " ")
	}
	return "user " + caller
}

// turns counts the open requests of each caller, up to a bound.
type turns struct {
	most int
	mu   sync.Mutex
	open map[string]int
}

func newTurns(most int) *turns { return &turns{most: most, open: map[string]int{}} }

// begin reports whether a caller may have one more open request. Who may ends it.
func (t *turns) begin(caller string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[caller] >= t.most {
		return false
	}
	t.open[caller]++
	return true
}

func (t *turns) end(caller string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[caller]--; t.open[caller] <= 0 {
		delete(t.open, caller)
	}
}

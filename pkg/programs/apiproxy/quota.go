package apiproxy

import (
	"math"
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

// quota bounds what guests, or callers, hold together, and each alone. It is safe for concurrent use.
type quota struct {
	each, all int
	mu        sync.Mutex
	of        map[string]int
	sum       int
}

// unlimited, as a quota of all guests together, refuses nothing.
const unlimited = math.MaxInt

func newQuota(each, all int) *quota { return &quota{each: each, all: all, of: map[string]int{}} }

// take reports whether a guest may hold so many more. What it takes it gives back.
func (q *quota) take(guest string, n int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.of[guest]+n > q.each || q.sum+n > q.all {
		return false
	}
	q.of[guest] += n
	q.sum += n
	return true
}

func (q *quota) give(guest string, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sum -= n
	if q.of[guest] -= n; q.of[guest] <= 0 {
		delete(q.of, guest)
	}
}

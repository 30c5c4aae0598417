package guestnames

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"
)

const (
	// holdFor is how long an address stays open after a look-up last returned it: programs keep addresses that they have looked up.
	holdFor = 10 * time.Minute
	// settleTime is for how long an address is open before it is answered, so that what a program looks up can be reached.
	settleTime = 2 * time.Second
	// mostHeld and mostAnswered bound the addresses of a name, of which its owner may return any number.
	mostHeld     = 32
	mostAnswered = 8
)

// Name is what is known of a host's name.
type Name struct {
	// answer are the addresses of the last look-up that succeeded.
	answer []netip.Addr
	held   map[netip.Addr]times
	// Problem is why the last look-up failed, or "".
	Problem string
}

// times are when an address was first and last returned.
type times struct{ first, last time.Time }

// Restored returns a name whose addresses were open before, as of now.
func Restored(held []netip.Addr, now time.Time) Name {
	n := Name{held: map[netip.Addr]times{}}
	for _, a := range held[:min(len(held), mostHeld)] {
		n.held[a] = times{first: now.Add(-settleTime), last: now}
	}
	n.answer = slices.Clone(held[:min(len(held), mostAnswered)])
	return n
}

// Found returns the name after a look-up returned these addresses, none if the name has none. Addresses that are open already come first, so that
// a name with many addresses keeps the same ones.
func (n Name) Found(answer []netip.Addr, now time.Time) Name {
	next := Name{held: maps.Clone(n.held)}
	if next.held == nil {
		next.held = map[netip.Addr]times{}
	}
	all := make([]netip.Addr, 0, len(answer))
	for _, a := range answer {
		if a = a.Unmap().WithZone(""); a.IsValid() {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b netip.Addr) int {
		_, hadA := n.held[a]
		_, hadB := n.held[b]
		return cmp.Or(-compareBool(hadA, hadB), a.Compare(b))
	})
	all = slices.Compact(all)
	next.answer = all[:min(len(all), mostAnswered)]
	for _, a := range next.answer {
		first := now
		if t, had := next.held[a]; had {
			first = t.first
		}
		next.held[a] = times{first: first, last: now}
	}
	maps.DeleteFunc(next.held, func(_ netip.Addr, t times) bool { return now.Sub(t.last) > holdFor })
	next.drop()
	return next
}

// drop removes the addresses above the bound that were returned longest ago.
func (n Name) drop() {
	all := slices.SortedFunc(maps.Keys(n.held), func(a, b netip.Addr) int {
		return cmp.Or(n.held[b].last.Compare(n.held[a].last), a.Compare(b))
	})
	for _, a := range all[min(len(all), mostHeld):] {
		delete(n.held, a)
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Failed returns the name after a look-up failed: what is open stays open, and is answered.
func (n Name) Failed(problem string) Name {
	n.Problem = problem
	return n
}

// Open returns the addresses that are open, sorted.
func (n Name) Open() []netip.Addr {
	return slices.SortedFunc(maps.Keys(n.held), netip.Addr.Compare)
}

// Answered returns the addresses that are answered now, sorted, and when more are, zero if none will be.
func (n Name) Answered(now time.Time) (answered []netip.Addr, more time.Duration) {
	for _, a := range n.answer {
		if left := n.held[a].first.Add(settleTime).Sub(now); left > 0 {
			more = max(more, left)
			continue
		}
		answered = append(answered, a)
	}
	slices.SortFunc(answered, netip.Addr.Compare)
	return answered, more
}

package socketmemory

import (
	"syscall"
	"time"

	"data-space.liqo.io/pkg/effects/memcg"
	"data-space.liqo.io/pkg/values/endpoint"
)

// watch is one proxy. Run alone changes it.
type watch struct {
	target  endpoint.Target
	group   *memcg.Group
	limit   int64
	braked  time.Time     // last
	listing time.Duration // that the last list of its pod's sockets took: a tenant can make it long
	rests   time.Time     // until then no connections end
	ended   int           // connections since the last line in the log
	trouble error         // since then
	logged  time.Time
}

const (
	// restPart bounds the part of a CPU that one proxy takes: its pod's sockets are not listed again for so many times the processor time
	// that listing them took.
	restPart = 3
	// longList is the time from which on a list of a pod's sockets is long.
	longList = 20 * time.Millisecond
)

// round is one look at all proxies. Of the pods whose last list was long it lists one, so that a proxy waits for one long list at most, however many
// pods with many sockets a tenant has.
type round struct{ long bool }

// lists reports whether the sockets of the proxy's pod are listed in this round.
func (r *round) lists(w *watch, now time.Time) bool {
	long := w.listing >= longList
	if now.Before(w.rests) || long && r.long {
		return false
	}
	r.long = r.long || long
	return true
}

// listed notes a list of the pod's sockets that began at a time and has just ended, for which this process had at most so much processor time.
// On a busy node, where the list waits for a processor, the rest is not longer for that: the proxy waits as well, for room.
func (w *watch) listed(began, now time.Time, spent time.Duration) {
	w.listing = now.Sub(began)
	w.rests = now.Add(restPart * min(w.listing, spent))
}

// processor returns the processor time that this process has had.
func processor() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // the arguments are right
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

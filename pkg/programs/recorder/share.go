package recorder

import (
	"math"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
)

// share copies of each guest's logs what the node's budget leaves for it: at least an even share, whatever the pods of the others
// write.
func (r *Recorder) share(now time.Time, named map[record.Source]bool) {
	guests := map[string][]record.Source{}
	known := r.Known == nil || r.Known()
	for s := range r.tails {
		if !known && s.Shared() {
			continue
		}
		guests[s.Guest] = append(guests[s.Guest], s)
	}
	left, waiting := r.budget.Left(now), int64(len(guests))
	for _, sources := range guests { // in any order
		part := left / waiting
		left -= part
		waiting--
		lag := r.lag(sources)
		for _, s := range sources {
			part = max(0, part-r.copy(now, s, part, lag, named[s]))
		}
		left += part
	}
}

// copy copies at most about most bytes of a log into the record, and returns how many these were.
func (r *Recorder) copy(now time.Time, s record.Source, most, lag int64, named bool) (size int64) {
	f, err := r.open(folder(s.Guest))
	if err != nil {
		r.complain(err)
		return 0
	}
	t := r.tails[s]
	if t.Removed() == 0 {
		lag = math.MaxInt64
	}
	entries := r.sift(t.Poll(now, min(most, pollLimit), lag))
	if len(entries) > 0 {
		size = weight(entries)
		r.budget.Take(size)
		if err := f.Append(entries); err != nil { // a full disk: copied again when there is room
			r.complain(err)
			r.again(s, t, f)
			return size
		}
		r.answers(s, entries)
	}
	if t.Ended() || !named && !t.Seen() {
		t.Close()
		delete(r.tails, s)
		r.Probes.Forget(s)
		if r.Forgotten != nil {
			r.Forgotten(s)
		}
	}
	return size
}

// lag returns how much may wait of each log of a guest whose pod was removed. Such a log takes room on the disk for as long as it waits,
// and no quota of a pod counts it.
func (r *Recorder) lag(sources []record.Source) int64 {
	var removed int64
	for _, s := range sources {
		removed += r.tails[s].Removed()
	}
	if removed > r.Removed {
		return 0
	}
	return math.MaxInt64
}

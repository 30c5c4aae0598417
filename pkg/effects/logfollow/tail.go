package logfollow

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
)

const (
	// chunk is how much is read of a file at a time.
	chunk = 256 << 10
	// settled is how long a file that another one has followed is still read after its end: the runtime may be just about
	// to write to it.
	settled = 2 * time.Second
	// lookInterval is the time between two looks for new files, which cost more than reading one that is open.
	lookInterval = time.Second
	// listings is how often a look lists the folder, at most, until two listings agree.
	listings = 8
)

// Limits bound what a container's log may cost.
type Limits struct {
	Rate, Burst int64 // bytes a second that are copied, and at once
	Lag         int64 // bytes that may wait to be copied, in all files together; what exceeds it is skipped
}

// Tail follows the log files of one container. It is for one goroutine.
type Tail struct {
	source record.Source
	folder string
	limits Limits
	budget record.Budget

	resume  *record.Position // where an earlier agent was; nil: nothing is known, or it was found
	files   []*file          // oldest first; the last one may grow
	seen    bool             // there was a file, or is to be one
	pending []record.Entry
	looked  time.Time
	gone    bool // the folder, at the last look
	ended   bool
}

// New follows the container of source, whose logs are in root as the kubelet lays them out, on from where an earlier agent
// was (nil: from the beginning).
func New(root string, source record.Source, from *record.Position, limits Limits) *Tail {
	return &Tail{
		source: source, limits: limits, resume: from, seen: from != nil,
		folder: filepath.Join(root, source.Namespace+"_"+source.Pod+"_"+source.UID, source.Container),
		budget: record.Budget{Rate: limits.Rate, Burst: limits.Burst},
	}
}

// Ended reports that the log folder is gone and all of it was returned by Poll.
func (t *Tail) Ended() bool { return t.ended }

// Seen reports whether the container has had a log.
func (t *Tail) Seen() bool { return t.seen }

// Close closes the files.
func (t *Tail) Close() {
	for _, f := range t.files {
		f.close()
	}
	t.files = nil
}

// Removed returns how many bytes of the disk the log takes that only this Tail keeps: those of files whose folder is gone.
func (t *Tail) Removed() (n int64) {
	if !t.gone {
		return 0
	}
	for _, f := range t.files {
		n += f.size()
	}
	return n
}

// Poll returns the entries of what was written since, within the limits, and at most about most bytes. Of the rest at most lag bytes
// wait, should that be less than the limit.
func (t *Tail) Poll(now time.Time, most, lag int64) []record.Entry {
	if t.ended {
		return nil
	}
	gone := false
	if passed := now.Sub(t.looked); len(t.files) == 0 || passed < 0 || passed >= lookInterval {
		gone, t.looked = t.look(), now
		t.gone = gone
	}
	left := min(t.budget.Left(now), most)
	var entries []record.Entry
	entries = append(entries, t.pending...)
	t.pending = nil
	behind := false
	lags := t.lags(min(lag, t.limits.Lag))
	for i, f := range t.files {
		got, taken := f.read(t.source, left, lags[i])
		entries, left = append(entries, got...), left-taken
		t.budget.Take(taken)
		if !f.atEnd() {
			behind = true
			break // in order
		}
		last := i == len(t.files)-1
		if (!last || gone) && f.over(now) {
			entries = append(entries, f.rest(t.source)...)
			f.done = true
			f.close()
		}
	}
	t.files = slices.DeleteFunc(t.files, func(f *file) bool { return f.done })
	if gone && t.seen && !behind && len(t.files) == 0 {
		t.ended = true
		entries = append(entries, record.Entry{Source: t.source, Ended: true})
	}
	return entries
}

// lags returns how much of each file may wait, so that all of them together keep the limit. The oldest give way: a file that the kubelet has
// removed takes room on the disk for as long as it is held open here.
func (t *Tail) lags(left int64) []int64 {
	lags := make([]int64, len(t.files))
	for i := len(t.files) - 1; i >= 0; i-- {
		lags[i] = max(0, left)
		if i > 0 {
			left -= t.files[i].waiting()
		}
	}
	return lags
}

// look finds files that are new. It reports whether the container's folder is gone.
func (t *Tail) look() (gone bool) {
	found, err := t.agreed()
	if errors.Is(err, fs.ErrNotExist) {
		if t.resume != nil {
			t.lost(record.ReasonGone)
		}
		return true
	}
	if err != nil {
		return false // the next look may succeed; the kubelet's folder cannot be made unreadable by a pod
	}
	if t.resume != nil && len(found) > 0 {
		found = t.resumed(found)
	}
	for _, c := range found {
		if !t.isNew(c) {
			continue
		}
		f, err := open(c)
		if errors.Is(err, fs.ErrNotExist) {
			break // renamed meanwhile: the next look finds it under its new name, and those after it, in order
		}
		if err != nil {
			continue
		}
		t.files, t.seen = append(t.files, f), true
	}
	return false
}

// agreed returns the candidates of two listings that agree, if one of them is new, and none if no two agree. A file that is renamed during a
// listing may be missing in it, and would be taken for one that was followed to its end as soon as the one after it is open.
func (t *Tail) agreed() ([]candidate, error) {
	var last []candidate
	for range listings {
		listed, err := os.ReadDir(t.folder)
		if err != nil {
			return nil, err
		}
		found := candidates(t.folder, listed)
		if !slices.ContainsFunc(found, t.isNew) || slices.Equal(found, last) {
			return found, nil
		}
		last = found
	}
	return nil, nil // the next look may find two
}

// isNew reports whether the file is neither held open nor older than the newest one that is: those were followed to their end already.
func (t *Tail) isNew(c candidate) bool {
	if slices.ContainsFunc(t.files, func(f *file) bool { return f.at.Inode == c.inode }) {
		return false
	}
	if len(t.files) == 0 {
		return true
	}
	newest := t.files[len(t.files)-1]
	return c.restart > newest.restart || c.restart == newest.restart && !c.rotated
}

// resumed finds the file in which an earlier agent was. Those before it are done; without it, what it still held is lost.
func (t *Tail) resumed(found []candidate) []candidate {
	was := *t.resume
	i := slices.IndexFunc(found, func(c candidate) bool { return c.inode == was.Inode && c.name == was.File })
	if i < 0 {
		t.lost(record.ReasonGone)
		return found
	}
	f, err := open(found[i])
	if errors.Is(err, fs.ErrNotExist) {
		return nil // renamed meanwhile: the next look finds it under its new name
	}
	t.resume = nil
	if err == nil {
		f.at.Offset = was.Offset
		t.files = append(t.files, f)
	}
	return found[i:]
}

func (t *Tail) lost(reason string) {
	t.pending = append(t.pending, record.Entry{Source: t.source, Position: *t.resume, Gap: &record.Gap{Reason: reason}})
	t.resume = nil
}

// Package turns decides which admission request runs, which waits and which is refused, so that no guest takes more than its
// share.
package turns

import "slices"

// Limits are the shares.
type Limits struct {
	// Running is how many requests run at a time, PerGuest how many of them may be of one guest.
	Running, PerGuest int
	// Large and LargePerGuest are the same for large requests. A large request counts in both.
	Large, LargePerGuest int
	// Waiting is how many requests wait at a time, WaitingPerGuest how many of them may be of one guest.
	Waiting, WaitingPerGuest int
}

// Verdict is what becomes of a request that arrives.
type Verdict int

// The verdicts.
const (
	Refuse Verdict = iota
	Wait
	Run
)

// Queue holds the requests that run and wait. Guests take turns: a free place goes to the guest that has waited longest for
// one. It is not safe for concurrent use.
type Queue struct {
	limits  Limits
	guests  map[string]*guest
	order   []string // guests with waiting requests, the one that is next first
	total   load
	waiting int
}

// Ticket is one request.
type Ticket struct {
	Guest string
	Large bool
}

type guest struct {
	load
	waiting []*Ticket
}

type load struct{ running, large int }

// New returns an empty queue.
func New(l Limits) *Queue { return &Queue{limits: l, guests: map[string]*guest{}} }

// Arrive decides about a new request. Each ticket arrives once; one that runs or waits leaves once.
func (q *Queue) Arrive(t *Ticket) Verdict {
	g := q.guests[t.Guest]
	if g == nil {
		g = &guest{}
	}
	switch {
	case q.fits(g, t):
		q.guests[t.Guest] = g
		q.start(g, t)
		return Run
	case q.waiting >= q.limits.Waiting || len(g.waiting) >= q.limits.WaitingPerGuest:
		return Refuse
	}
	q.guests[t.Guest] = g
	if len(g.waiting) == 0 {
		q.order = append(q.order, t.Guest)
	}
	g.waiting = append(g.waiting, t)
	q.waiting++
	return Wait
}

// Leave ends a request, whether it ran or waited. It returns the requests that run from now on.
func (q *Queue) Leave(t *Ticket) []*Ticket {
	g := q.guests[t.Guest]
	if g == nil {
		return nil
	}
	if i := slices.Index(g.waiting, t); i >= 0 {
		q.unqueue(g, i)
	} else {
		g.add(t, -1)
		q.total.add(t, -1)
	}
	if g.running == 0 && len(g.waiting) == 0 {
		delete(q.guests, t.Guest)
	}
	return q.next()
}

// Load returns how many requests of a guest run and wait.
func (q *Queue) Load(name string) (running, waiting int) {
	if g := q.guests[name]; g != nil {
		return g.running, len(g.waiting)
	}
	return 0, 0
}

// next starts what fits by now, one request of each guest in turn.
func (q *Queue) next() []*Ticket {
	var started []*Ticket
	for i := 0; i < len(q.order) && q.total.running < q.limits.Running; {
		name := q.order[i]
		g := q.guests[name]
		at := slices.IndexFunc(g.waiting, func(t *Ticket) bool { return q.fits(g, t) })
		if at < 0 {
			i++
			continue
		}
		t := g.waiting[at]
		q.unqueue(g, at)
		q.start(g, t)
		started = append(started, t)
		if len(g.waiting) > 0 { // It had its turn.
			at := slices.Index(q.order, name)
			q.order = append(slices.Delete(q.order, at, at+1), name)
		}
	}
	return started
}

// unqueue takes a guest's request out of those that wait.
func (q *Queue) unqueue(g *guest, at int) {
	name := g.waiting[at].Guest
	g.waiting = slices.Delete(g.waiting, at, at+1)
	q.waiting--
	if len(g.waiting) == 0 {
		q.order = slices.DeleteFunc(q.order, func(other string) bool { return other == name })
	}
}

func (q *Queue) start(g *guest, t *Ticket) {
	g.add(t, 1)
	q.total.add(t, 1)
}

func (q *Queue) fits(g *guest, t *Ticket) bool {
	return q.total.running < q.limits.Running && g.running < q.limits.PerGuest &&
		(!t.Large || q.total.large < q.limits.Large && g.large < q.limits.LargePerGuest)
}

func (l *load) add(t *Ticket, n int) {
	l.running += n
	if t.Large {
		l.large += n
	}
}

package factrate

import (
	"cmp"
	"slices"
	"time"

	"data-space.liqo.io/pkg/values/fact"
)

// Limits are how many facts are recorded one by one.
type Limits struct {
	Burst    int           // of one kind, reason and pod, at once
	Every    time.Duration // one more after each of these
	All      int           // of all together: a second, and at once ten times as many
	Frequent Rate          // of one kind, reason and pod, for kinds that are frequent
	AllOften int           // of all frequent ones together, as All
	Subjects int           // of which a count of its own is kept; what happens to others of a guest is counted together
}

// Rate is a number at once, and one more after each interval.
type Rate struct {
	Burst int
	Every time.Duration
}

// DefaultLimits are those of the agent.
func DefaultLimits() Limits {
	return Limits{Burst: 20, Every: 5 * time.Second, All: 500, Frequent: Rate{Burst: 2000, Every: 10 * time.Millisecond}, AllOften: 2000, Subjects: 4096}
}

// key is what has a rate of its own.
type key struct {
	kind    fact.Kind
	reason  string
	subject fact.Subject
}

// bucket is the rate of one key.
type bucket struct {
	left    float64
	at      time.Time
	counted int64
	since   time.Time // when the first of these happened
}

// count counts what is not recorded.
func (b *bucket) count(now time.Time, f fact.Fact) {
	if b.counted == 0 {
		b.since = now
	}
	b.counted += max(1, f.Count)
}

// Limiter bounds rates. The zero time is earlier than every fact.
type Limiter struct {
	limits  Limits
	buckets map[key]*bucket
	all     bucket
	often   bucket // all of frequent kinds
}

// New returns a limiter.
func New(l Limits) *Limiter { return &Limiter{limits: l, buckets: map[key]*bucket{}} }

// Record reports whether a fact is recorded. If not, it is counted. now never decreases.
func (l *Limiter) Record(now time.Time, f fact.Fact) bool {
	b := l.bucket(f)
	rate, all, most := Rate{l.limits.Burst, l.limits.Every}, &l.all, l.limits.All
	if f.Kind.Frequent() && l.limits.AllOften > 0 {
		rate, all, most = l.limits.Frequent, &l.often, l.limits.AllOften
	}
	own := b.take(now, float64(rate.Burst), rate.Every)
	if own && all.take(now, float64(10*most), time.Second/time.Duration(most)) {
		return true
	}
	b.count(now, f)
	return false
}

// Count counts a fact, and does not record it.
func (l *Limiter) Count(now time.Time, f fact.Fact) {
	b := l.bucket(f)
	b.count(now, f)
	if b.at.IsZero() {
		b.at, b.left = now, float64(l.limits.Burst)
	}
}

func (l *Limiter) bucket(f fact.Fact) *bucket {
	k := key{f.Kind, f.Reason, f.Subject}
	b := l.buckets[k]
	if b == nil && len(l.buckets) >= l.limits.Subjects {
		k = key{kind: f.Kind, subject: fact.Subject{Guest: f.Subject.Guest}} // together, and beyond all kinds that the agent has, for each guest
		b = l.buckets[k]
	}
	if b == nil {
		b = &bucket{}
		l.buckets[k] = b
	}
	return b
}

// take takes one, if there is one.
func (b *bucket) take(now time.Time, burst float64, every time.Duration) bool {
	if b.at.IsZero() {
		b.left = burst
	} else {
		b.left = min(burst, b.left+float64(now.Sub(b.at))/float64(every))
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// Counted returns one fact for each kind, reason and pod of which facts were counted since the last call, and forgets the pods to which
// nothing happens any more.
func (l *Limiter) Counted(now time.Time) []fact.Fact {
	var all []fact.Fact
	for k, b := range l.buckets {
		if b.counted > 0 {
			all = append(all, fact.Fact{
				Time: now, Kind: fact.FactsCounted, Subject: k.subject, Reason: string(k.kind), Count: b.counted,
				Message: "so many more happened than are recorded one by one", Details: map[string]string{fact.DetailSince: b.since.UTC().Format(time.RFC3339Nano)},
			})
			if k.reason != "" {
				all[len(all)-1].Details["reason"] = k.reason
			}
			b.counted = 0
		} else if now.Sub(b.at) > time.Duration(l.limits.Burst)*l.limits.Every {
			delete(l.buckets, k)
		}
	}
	slices.SortFunc(all, func(a, b fact.Fact) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Subject.Namespace, b.Subject.Namespace), cmp.Compare(a.Subject.Pod, b.Subject.Pod),
			cmp.Compare(a.Subject.UID, b.Subject.UID))
	})
	return all
}

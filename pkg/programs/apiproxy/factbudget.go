package apiproxy

import (
	"crypto/sha256"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/factrate"
	"data-space.liqo.io/pkg/effects/factlines"
	recorded "data-space.liqo.io/pkg/values/fact"
)

// factBudget passes facts on, so many of each guest, or of each caller who is no guest's, and of all who have no credentials together; the rest is counted. A
// guest's callers share its log, and all others one log, whose oldest lines go first: no caller may push the others' out of it.
type factBudget struct {
	sink factlines.Sink

	mu                sync.Mutex
	callers, unknowns *factrate.Limiter
	assumed           map[[sha256.Size]byte]time.Time // when there was a fact of it
}

// assumption is a caller that acts as another user, which its guest or the administrator allows.
type assumption struct{ sender, as string }

// hash is what is remembered of an assumption: the caller chooses how long the other user's name is.
func (a assumption) hash() [sha256.Size]byte { return sha256.Sum256([]byte(a.sender + "\x00" + a.as)) }

const (
	assumedEvery = time.Hour // there is a fact of the same caller and user again
	mostAssumed  = 1024      // are remembered
)

// countEvery is how often what was only counted is a fact.
const countEvery = time.Minute

func newFactBudget(sink factlines.Sink) *factBudget {
	return &factBudget{
		sink:     sink,
		assumed:  map[[sha256.Size]byte]time.Time{},
		callers:  factrate.New(factrate.Limits{Burst: 500, Every: time.Second, All: 200, Subjects: 4096}),
		unknowns: factrate.New(factrate.Limits{Burst: 20, Every: time.Minute, All: 1, Subjects: 1}),
	}
}

// impersonated passes on that a caller acts, or wants to act, as another user: what is allowed once an hour, since some callers do so in each request.
func (b *factBudget) impersonated(f recorded.Fact, by assumption) {
	if b == nil {
		return
	}
	now := time.Now()
	b.mu.Lock()
	again := f.Reason == recorded.Allowed && now.Sub(b.assumed[by.hash()]) < assumedEvery
	if f.Reason == recorded.Allowed && !again {
		if len(b.assumed) >= mostAssumed {
			clear(b.assumed)
		}
		b.assumed[by.hash()] = now
	}
	b.mu.Unlock()
	if !again {
		b.emit(f, by.sender)
	}
}

// emit passes a fact of a caller on, or counts it. caller is "": it has no credentials.
func (b *factBudget) emit(f recorded.Fact, caller string) {
	if b != nil && b.sink != nil && b.takes(f, caller) {
		b.sink.Emit(f)
	}
}

// takes reports whether one more fact of a caller is within the rates; otherwise it is counted.
func (b *factBudget) takes(f recorded.Fact, caller string) bool {
	whose := recorded.Fact{Kind: f.Kind, Subject: f.Subject, Reason: "caller " + caller}
	limiter := b.callers
	switch {
	case caller == "":
		limiter, whose.Reason = b.unknowns, "unauthenticated"
	case f.Subject.Guest != "":
		whose.Reason = "" // a guest makes users as it likes
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return limiter.Record(time.Now(), whose)
}

// run has what was only counted be a fact each minute, and when done is closed.
func (b *factBudget) run(done <-chan struct{}) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.count()
		case <-done:
			b.count()
			return
		}
	}
}

func (b *factBudget) count() {
	b.mu.Lock()
	now := time.Now()
	counted := append(b.callers.Counted(now), b.unknowns.Counted(now)...)
	b.mu.Unlock()
	for _, f := range counted {
		b.sink.Emit(f)
	}
}

package facts

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/factrate"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// Config is how facts are recorded.
type Config struct {
	Folder  string // of the log
	Options factlog.Options
	Log     *slog.Logger
	// Witnesses are asked to cosign.
	Witnesses []*Witness

	Requests string   // folder of the record of requests, with which the log is compared; empty: there is none
	Started  []string // the arguments that the agent was started with: their hash is in the fact of its start
}

const (
	waiting     = 4096             // facts that wait for the disk
	batch       = 512              // facts that are written, and synced, at once
	signEvery   = 5 * time.Second  // a checkpoint is signed so long after a fact at most
	countEvery  = time.Minute      // what was only counted is recorded
	retryEvery  = 2 * time.Second  // after a failed write
	clockStep   = 2 * time.Second  // by which the clock must differ from the time that passed
	closingTime = 10 * time.Second // in which the rest is written when the agent ends
)

// Emitter takes facts from all parts of the agent and records them. A nil Emitter records nothing.
type Emitter struct {
	Config
	in      chan fact.Fact
	limiter *factrate.Limiter
	metrics *metrics

	mu   sync.Mutex // of limiter and lost
	lost map[string]int64

	last    time.Time    // that the clock was looked at
	failing atomic.Value // string: the failure that was last logged; "": none since
	lines   atomic.Int64 // of the log

	witnessed sync.Map // agentapi.Witnessed by name
}

// New returns an emitter, or nil without a folder. What it is given waits until Run.
func New(c Config, r prometheus.Registerer) *Emitter {
	if c.Folder == "" {
		return nil
	}
	m := newMetrics(r)
	e := &Emitter{Config: c, in: make(chan fact.Fact, waiting), limiter: factrate.New(factrate.DefaultLimits()), metrics: m, lost: map[string]int64{}, last: time.Now()}
	e.failing.Store("")
	return e
}

// Emit records a fact, soon. It does not wait: facts for which there is no room are counted, and so are those that exceed the rate of their
// kind and pod.
func (e *Emitter) Emit(f fact.Fact) {
	if e == nil {
		return
	}
	now := time.Now()
	if f.Time.IsZero() {
		f.Time = now
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.limiter.Record(now, f) {
		e.metrics.counted.Inc()
		return
	}
	e.put(f)
}

// put queues a fact. The caller holds the lock.
func (e *Emitter) put(f fact.Fact) {
	select {
	case e.in <- f:
	default:
		n := max(1, f.Count)
		e.lost[reasonQueue] += n
		e.metrics.lost.Add(float64(n))
	}
}

const reasonQueue = "QueueFull"

// Run records, and asks witnesses to cosign, until the context ends; then it records what waits, and the end.
func (e *Emitter) Run(ctx context.Context) error {
	if e == nil {
		return nil
	}
	var group errgroup.Group
	group.Go(func() error { e.attest(ctx); return nil })
	group.Go(func() error { return e.write(ctx) })
	return group.Wait()
}

func (e *Emitter) write(ctx context.Context) error {
	w := e.open(ctx)
	if w == nil {
		return nil // the agent ended before the log could be opened
	}
	sign, count := time.NewTicker(signEvery), time.NewTicker(countEvery)
	defer sign.Stop()
	defer count.Stop()
	for {
		select {
		case <-ctx.Done():
			return e.end(context.WithoutCancel(ctx), w)
		case f := <-e.in:
			e.record(ctx, w, e.collect(f))
		case <-sign.C:
			if now := time.Now(); e.stepped(now) {
				e.record(ctx, w, e.collect())
			}
			e.sign(w)
		case <-count.C:
			e.mu.Lock()
			for _, f := range e.limiter.Counted(time.Now()) {
				e.put(f)
			}
			e.mu.Unlock()
		}
	}
}

// open opens the log. Facts wait while it cannot be opened: an agent that ends may still hold it.
func (e *Emitter) open(ctx context.Context) *factlog.Log {
	for {
		l, damage, err := factlog.OpenOrReplace(e.Folder, e.Options)
		if damage != nil {
			e.Log.Error("the log of facts cannot be continued, and a new one begins; the old one is kept beside it", "folder", e.Folder, "error", damage)
		}
		if err == nil {
			e.introduce(ctx, l)
			return l
		}
		e.complain("the log of facts cannot be opened; facts wait", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryEvery):
		}
	}
}

// collect returns the facts that wait, as many as are written at once, after those that are given.
func (e *Emitter) collect(facts ...fact.Fact) []fact.Fact {
	e.mu.Lock()
	for reason, n := range e.lost {
		facts = append(facts, fact.Fact{Time: time.Now(), Kind: fact.FactsLost, Warning: true, Reason: reason, Count: n, Message: "facts are missing here: more came than could be written"})
		delete(e.lost, reason)
	}
	e.mu.Unlock()
	for len(facts) < batch {
		select {
		case f := <-e.in:
			facts = append(facts, f)
		default:
			return facts
		}
	}
	return facts
}

// record writes facts. It tries until they are written or the context ends: others wait meanwhile, and those for which there is no room are
// counted as lost.
func (e *Emitter) record(ctx context.Context, l *factlog.Log, facts []fact.Fact) {
	for len(facts) > 0 {
		started := time.Now()
		_, err := l.Append(facts)
		if err == nil {
			e.metrics.appended(len(facts), time.Since(started))
			lines, _ := l.Size()
			e.lines.Store(lines)
			e.recovered()
			return
		}
		e.metrics.failures.Inc()
		e.complain("facts cannot be recorded; they wait", err)
		if reopen := l.Reopen(); reopen != nil {
			e.complain("the log of facts cannot be opened again", reopen)
		}
		select {
		case <-ctx.Done():
			e.metrics.lost.Add(float64(len(facts)))
			return
		case <-time.After(retryEvery):
		}
	}
}

// sign signs a checkpoint of what was recorded.
func (e *Emitter) sign(l *factlog.Log) {
	if _, err := l.Checkpoint(); err != nil {
		e.metrics.failures.Inc()
		e.complain("the log of facts cannot be signed", err)
		return
	}
	e.metrics.size(l.Size())
}

// stepped queues a fact if the clock was set. It compares the clock with the time that passed.
func (e *Emitter) stepped(now time.Time) bool {
	by := now.Round(0).Sub(e.last.Round(0)) - now.Sub(e.last)
	e.last = now
	if by.Abs() < clockStep {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.put(fact.Fact{Time: now, Kind: fact.ClockStepped, Warning: true, Message: "the node's clock was set, or the node slept",
		Details: map[string]string{"seconds": fmt.Sprintf("%.3f", by.Seconds())}})
	return true
}

// end records what waits and the end of the agent.
func (e *Emitter) end(ctx context.Context, l *factlog.Log) error {
	ctx, cancel := context.WithTimeout(ctx, closingTime)
	defer cancel()
	e.mu.Lock()
	counted := e.limiter.Counted(time.Now())
	e.mu.Unlock()
	for facts := e.collect(counted...); len(facts) > 0; facts = e.collect() {
		e.record(ctx, l, facts)
	}
	e.record(ctx, l, []fact.Fact{{Time: time.Now(), Kind: fact.AgentStopped, Message: "the agent ended in order; every rule stays in place"}})
	if err := l.Close(); err != nil {
		return fmt.Errorf("close the log of facts: %w", err)
	}
	return nil
}

// complain logs a failure once.
func (e *Emitter) complain(message string, err error) {
	if e.failing.Swap(err.Error()) != err.Error() {
		e.Log.Error(message, "folder", e.Folder, "error", err)
	}
}

func (e *Emitter) recovered() {
	if e.failing.Swap("") != "" {
		e.Log.Info("facts are recorded again", "folder", e.Folder)
	}
}

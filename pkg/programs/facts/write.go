package facts

import (
	"context"
	"fmt"
	"time"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// write records until the context ends and what is joined has ended.
func (e *Emitter) write(ctx context.Context, joined <-chan struct{}) error {
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
			<-joined // it has facts of its end
			return e.end(context.WithoutCancel(ctx), w)
		case f := <-e.in:
			e.record(ctx, w, e.collect(f))
		case done := <-e.barriers:
			for n := len(e.in); n > 0; {
				facts := e.collect()
				e.record(ctx, w, facts)
				n -= len(facts)
			}
			close(done)
		case r := <-e.rotations:
			r.rotate(map[string]*factlog.Log{"": w})
		case <-sign.C:
			if now := e.Options.Time(); e.stepped(now) {
				e.record(ctx, w, e.collect())
			}
			e.sign(w)
		case <-count.C:
			e.mu.Lock()
			for _, f := range e.limiter.Counted(e.Options.Time()) {
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
			close(e.opened)
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
	for reason, l := range e.lost {
		facts = append(facts, fact.Fact{Time: e.Options.Time(), Kind: fact.FactsLost, Warning: true, Reason: reason, Count: l.count, Message: "facts are missing here: more came than could be written",
			Details: map[string]string{fact.DetailSince: l.since.UTC().Format(time.RFC3339Nano)}})
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
		first, err := l.Append(facts)
		if err == nil {
			if e.export != nil {
				e.export.Send(first, facts)
			}
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
			e.lose(reasonDisk, facts)
			return
		case <-time.After(retryEvery):
		}
	}
}

// sign signs a checkpoint of what was recorded.
func (e *Emitter) sign(l *factlog.Log) {
	signed, err := l.Checkpoint()
	if err != nil {
		e.metrics.failures.Inc()
		e.complain("the log of facts cannot be signed", err)
		return
	}
	e.metrics.size(l.Size())
	if c, err := factlog.Unverified(signed); err == nil {
		e.metrics.checkpoint(c.Hash)
	}
	e.signed.Store(string(signed))
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
	e.put(stepFact(now, by, "the node's clock was set, or the node slept"))
	return true
}

// stepFact is the fact that the clock was set by a time.
func stepFact(now time.Time, by time.Duration, message string) fact.Fact {
	return fact.Fact{Time: now, Kind: fact.ClockStepped, Warning: true, Message: message, Details: map[string]string{"seconds": fmt.Sprintf("%.3f", by.Seconds())}}
}

// end records what waits and the end of the agent.
func (e *Emitter) end(ctx context.Context, l *factlog.Log) error {
	ctx, cancel := context.WithTimeout(ctx, closingTime)
	defer cancel()
	e.mu.Lock()
	counted := e.limiter.Counted(e.Options.Time())
	e.mu.Unlock()
	for facts := e.collect(counted...); len(facts) > 0 && ctx.Err() == nil; facts = e.collect() {
		e.record(ctx, l, facts)
	}
	e.record(ctx, l, []fact.Fact{{Time: e.Options.Time(), Kind: fact.AgentStopped, Message: "the agent ended in order; every rule stays in place"}})
	if missing := e.collect(); len(missing) > 0 { // the next start finds no end of this one
		e.Log.Error("facts are lost: the disk took none before the agent ended", "folder", e.Folder, "facts", total(missing))
	}
	if err := l.Close(); err != nil {
		return fmt.Errorf("close the log of facts: %w", err)
	}
	return nil
}

package facts

import (
	"context"
	"maps"

	"data-space.liqo.io/pkg/values/fact"
)

// ready waits until the log is open, and reports whether it is.
func (e *Emitter) ready(ctx context.Context) bool {
	select {
	case <-e.opened:
		return true
	case <-ctx.Done():
		return false
	}
}

// deliver records facts that were in the record of requests in a folder, each once, and waits until the disk has them. Rates bound them as all
// others. It is for one goroutine.
func (e *Emitter) deliver(ctx context.Context, folder string, facts []fact.Fact) error {
	news := false
	for _, f := range facts {
		if !f.At.After(e.delivered[folder]) {
			continue // of a delivery before the agent was killed
		}
		e.delivered[folder], news = f.At, true
		f.Details = maps.Clone(f.Details)
		if f.Details == nil {
			f.Details = map[string]string{}
		}
		f.Details[fact.DetailRecord] = folder
		if f.Kind == fact.ProgramStarted {
			e.upgraded(f)
		}
		e.Emit(f)
	}
	if !news {
		return nil
	}
	done := make(chan struct{})
	select {
	case e.barriers <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return ctx.Err()
}

// upgraded records that a program starts in another version than the one before on this node.
func (e *Emitter) upgraded(f fact.Fact) {
	program, version := f.Details["program"], f.Details["version"]
	before := e.versions[program]
	e.versions[program] = version
	if before != "" && before != version {
		e.Emit(fact.Fact{
			Time: f.Time, Kind: fact.ProgramUpgraded, Reason: program, Subject: f.Subject, Message: program + " runs in another version than before",
			Details: map[string]string{"program": program, "from": before, "to": version},
		})
	}
}

package facts

import (
	"context"
	"time"

	"data-space.liqo.io/pkg/effects/buildinfo"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// introduce records the start of the agent, and whether it is another version than the one before.
func (e *Emitter) introduce(ctx context.Context, l *factlog.Log) {
	before, ended, newest := e.newestStart(l.Folder)
	version, configuration := buildinfo.Version(), fact.ConfigurationHash(e.Started)
	details := map[string]string{"version": version, "configuration": configuration}
	switch {
	case before == nil:
	case ended:
		details["before"] = "ended in order"
	default:
		details["before"] = "ended without a trace: it was killed, or the node went down"
	}
	now := e.Options.Time()
	facts := []fact.Fact{{Time: now, Kind: fact.AgentStarted, Message: "the agent of node " + e.Options.Node + " starts", Details: details}}
	if before != nil && before.Details["version"] != version {
		facts = append(facts, fact.Fact{Time: now, Kind: fact.AgentUpgraded, Message: "the agent's version is another than before",
			Details: map[string]string{"from": before.Details["version"], "to": version}})
	}
	if before != nil && before.Details["configuration"] != configuration {
		facts = append(facts, fact.Fact{Time: now, Kind: fact.ConfigurationChanged, Message: "the agent was started with other settings than before",
			Details: map[string]string{"from": before.Details["configuration"], "to": configuration}})
	}
	if by := now.Sub(newest); by <= -clockStep {
		facts = append([]fact.Fact{stepFact(now, by, "the node's clock is behind the newest line of the log: it was set back")}, facts...)
	}
	e.record(ctx, l, facts) // once in any case, also of an agent that ends at once
}

// newestStart returns the newest start of an agent in the last two segments, whether that agent ended in order, and what the clock showed at the newest line. It
// remembers how far the record of requests was delivered, and the versions of the programs that started.
func (e *Emitter) newestStart(f factlog.Folder) (start *fact.Fact, ended bool, newest time.Time) {
	_ = newestLines(f, func(f fact.Fact) {
		if f.Details[fact.DetailRecord] == "" {
			newest = f.Time
		}
		if f.Kind == fact.AgentStarted {
			start = &f
		}
		if f.Kind == fact.AgentStarted || f.Kind == fact.AgentStopped {
			ended = f.Kind == fact.AgentStopped
		}
		if f.Kind == fact.ProgramStarted {
			e.versions[f.Details["program"]] = f.Details["version"]
		}
		if folder := f.Details[fact.DetailRecord]; folder != "" && f.At.After(e.delivered[folder]) {
			e.delivered[folder] = f.At
		}
	})
	return start, ended, newest
}

package facts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"data-space.liqo.io/pkg/effects/buildinfo"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// introduce records the start of the agent, and whether it is another version than the one before.
func (e *Emitter) introduce(ctx context.Context, l *factlog.Log) {
	before, ended := newestStart(l.Folder)
	version, configuration := buildinfo.Version(), configurationHash(e.Started)
	details := map[string]string{"version": version, "configuration": configuration}
	switch {
	case before == nil:
	case ended:
		details["before"] = "ended in order"
	default:
		details["before"] = "ended without a trace: it was killed, or the node went down"
	}
	now := time.Now()
	facts := []fact.Fact{{Time: now, Kind: fact.AgentStarted, Message: "the agent of node " + e.Options.Node + " starts", Details: details}}
	if before != nil && before.Details["version"] != version {
		facts = append(facts, fact.Fact{Time: now, Kind: fact.AgentUpgraded, Message: "the agent's version is another than before",
			Details: map[string]string{"from": before.Details["version"], "to": version}})
	}
	if before != nil && before.Details["configuration"] != configuration {
		facts = append(facts, fact.Fact{Time: now, Kind: fact.ConfigurationChanged, Message: "the agent was started with other settings than before",
			Details: map[string]string{"from": before.Details["configuration"], "to": configuration}})
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTime) // also of an agent that ends at once
	defer cancel()
	e.record(ctx, l, facts)
}

// configurationHash is the SHA-256 of the arguments, each followed by a zero byte.
func configurationHash(arguments []string) string {
	sum := sha256.Sum256([]byte(strings.Join(append(arguments[:len(arguments):len(arguments)], ""), "\x00")))
	return hex.EncodeToString(sum[:])
}

// newestStart returns the newest start of an agent in the last two segments, and whether that agent ended in order.
func newestStart(f factlog.Folder) (start *fact.Fact, ended bool) {
	segments, err := f.Segments()
	if err != nil || len(segments) == 0 {
		return nil, false
	}
	from := segments[max(0, len(segments)-2)].First
	_ = f.Lines(from, func(_ int64, line []byte) error { // what cannot be read is found by an audit
		if r, err := fact.Decode(line); err == nil && r.Kind == fact.AgentStarted {
			start, ended = &r.Fact, false
		} else if err == nil && r.Kind == fact.AgentStopped {
			ended = true
		}
		return nil
	})
	return start, ended
}

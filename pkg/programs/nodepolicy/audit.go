package nodepolicy

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/values/agentapi"
)

const (
	// auditPause is the time between two looks at the kernel's connections while a policy is in mode Audit. The kernel keeps an entry of a
	// connection that has ended for 10 s and longer.
	auditPause = 5 * time.Second
	// auditedPolicies is how many policies are counted apart; a tenant chooses how many there are.
	auditedPolicies = 1000
	// auditLines is how many connections of a look are logged.
	auditLines = 20
)

// audit counts what policies in mode Audit would have refused.
type audit struct {
	seen map[nodefilter.Connection]struct{} // at the last look; of audits alone

	mu     sync.Mutex
	counts map[agentapi.Audited]uint64 // by policy and direction
}

// audits counts each connection that policies in mode Audit would refuse, once.
func (p *Policies) audits(ctx context.Context) {
	for ctx.Err() == nil {
		started := time.Now()
		if p.begun.Load() {
			p.auditOnce()
		}
		const part = 20
		pause(ctx, max(auditPause, part*time.Since(started)))
	}
}

// auditOnce counts the connections that policies in mode Audit would refuse and that it has not counted in the round before. It reads the
// kernel's whole table of connections. At most auditLines of a round are logged; all are counted.
func (p *Policies) auditOnce() {
	found, err := p.sight.Audit()
	if err != nil {
		p.Log.Warn("what policies in mode Audit would refuse is not counted; it is tried again", "error", err)
		return
	}
	seen, lines := make(map[nodefilter.Connection]struct{}, len(found)), 0
	for c, refuses := range found {
		seen[c] = struct{}{}
		if _, counted := p.audit.seen[c]; counted {
			continue
		}
		for _, one := range refuses {
			key := p.audit.count(agentapi.Audited{Policy: one.Policies[0].String(), Direction: one.Direction})
			p.metrics.audited.WithLabelValues(key.Policy, key.Direction).Inc()
			if lines++; lines <= auditLines {
				p.Log.Info("policies in mode Audit would refuse a connection", "event", "PolicyAudit", "pod", one.Pod.String(), "direction", one.Direction,
					"from", c.From, "to", c.To, "protocol", c.Protocol, "port", c.Port, "policy", one.Policies[0].String())
			}
		}
	}
	p.audit.seen = seen
}

// count returns what it was counted as: without the policy's name, once there are too many.
func (a *audit) count(key agentapi.Audited) agentapi.Audited {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.counts == nil {
		a.counts = map[agentapi.Audited]uint64{}
	}
	if _, there := a.counts[key]; !there && len(a.counts) >= auditedPolicies {
		key.Policy = "others"
	}
	a.counts[key]++
	return key
}

// shown returns the counts, largest first.
func (a *audit) shown() []agentapi.Audited {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []agentapi.Audited
	for key, n := range a.counts {
		key.Connections = n
		all = append(all, key)
	}
	slices.SortFunc(all, func(x, y agentapi.Audited) int {
		return cmp.Or(cmp.Compare(y.Connections, x.Connections), cmp.Compare(x.Policy, y.Policy), cmp.Compare(x.Direction, y.Direction))
	})
	return all
}

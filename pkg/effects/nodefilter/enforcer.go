package nodefilter

import (
	"context"
	"sync"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/iptables"
)

// Enforcer keeps a node's filter as policies say. Nothing is written before the first Converge; from then on each Apply
// is written at once. Safe for concurrent use.
type Enforcer struct {
	filter   *Filter
	families []iptables.Family

	writing sync.Mutex // held while the kernel is written, so that changes reach it in their order
	whole   bool       // the kernel holds what the index says; not before Converge, nor after a write failed
	begun   bool

	reading sync.RWMutex // held for the index alone
	index   *netpol.Index
}

// NewEnforcer returns the enforcer of a cluster of which nothing is known yet.
func NewEnforcer(f *Filter, s netpol.Settings) *Enforcer {
	e := &Enforcer{filter: f, index: netpol.New(s)}
	for _, state := range e.index.State() {
		e.families = append(e.families, state.Family)
	}
	return e
}

// Apply takes note of changes in the cluster and enforces them. After an error the change is not lost: the next Apply or
// Converge writes everything that is due.
func (e *Enforcer) Apply(ctx context.Context, changes ...netpol.Change) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	e.reading.Lock()
	delta := e.index.Apply(changes...)
	e.reading.Unlock()
	if !e.begun {
		return nil
	}
	if !e.whole {
		_, err := e.converge(ctx)
		return err
	}
	if delta.Empty() {
		return nil
	}
	err := e.filter.Apply(ctx, delta)
	e.whole = err == nil
	return err
}

// Converge makes the kernel hold what the policies say, and returns how it differed: at first everything, later what
// somebody else changed.
func (e *Enforcer) Converge(ctx context.Context) ([]Finding, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	e.begun = true
	return e.converge(ctx)
}

func (e *Enforcer) converge(ctx context.Context) ([]Finding, error) {
	e.reading.RLock()
	states := e.index.State()
	e.reading.RUnlock()
	findings, err := e.filter.Converge(ctx, states)
	e.whole = err == nil
	return findings, err
}

// Cut ends the connections that the policies do not allow any more and returns how many. It is slow; it belongs after a
// series of changes, not into it.
func (e *Enforcer) Cut() (int, error) {
	return e.filter.Cut(func(p netpol.Packet) bool {
		e.reading.RLock()
		defer e.reading.RUnlock()
		return e.index.Allowed(p)
	}, e.families...)
}

// Explain says what becomes of a packet, and why.
func (e *Enforcer) Explain(p netpol.Packet) netpol.Verdict {
	e.reading.RLock()
	defer e.reading.RUnlock()
	return e.index.Explain(p)
}

package noderules

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/values/iptables"
)

// ErrRetired means that nothing is written any more.
var ErrRetired = errors.New("the node's filter is somebody else's now")

// Reconciler keeps a node's filter as policies say. Nothing is written before the first Converge; from then on each Apply
// is written at once. Safe for concurrent use.
type Reconciler struct {
	filter   *nodefilter.Filter
	families []iptables.Family
	marks    uint32

	writing sync.Mutex // held while the kernel is written, so that changes reach it in their order
	whole   bool       // the kernel holds what the index says; not before Converge, nor after a write failed
	begun   bool
	swept   bool // nothing of ours is left in the other backend
	retired bool

	narrowed atomic.Bool // connections that were allowed may not be any more

	reading sync.RWMutex // held for the index alone
	index   *netpol.Index
}

// New returns the Reconciler of a cluster of which nothing is known yet.
func New(f *nodefilter.Filter, s netpol.Settings) *Reconciler {
	e := &Reconciler{filter: f, index: netpol.New(s), marks: s.Marks()}
	for _, state := range e.index.State() {
		e.families = append(e.families, state.Family)
	}
	return e
}

// Apply takes note of changes in the cluster and enforces them. After an error the change is not lost: the next Apply or
// Converge writes everything that is due.
func (e *Reconciler) Apply(ctx context.Context, changes ...netpol.Change) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	deltas := e.note(changes)
	switch {
	case e.retired || !e.begun:
		return nil
	case !e.whole:
		_, err := e.converge(ctx)
		return err
	case len(deltas) == 0:
		return nil
	}
	err := e.filter.Apply(ctx, deltas...)
	e.whole = err == nil
	if slices.ContainsFunc(deltas, func(d netpol.Delta) bool { return d.Judge }) {
		e.narrowed.Store(true)
	}
	return err
}

// note applies changes to the index. While the deltas are not written, it computes none of the steps between.
func (e *Reconciler) note(changes []netpol.Change) []netpol.Delta {
	e.reading.Lock()
	defer e.reading.Unlock()
	if e.retired || !e.begun || !e.whole {
		e.index.Apply(changes...)
		return nil
	}
	return e.index.Steps(changes...)
}

// Converge makes the kernel hold what the policies say, and returns how it differed: at first everything, later what
// other programs changed. ErrRetired after Retire.
func (e *Reconciler) Converge(ctx context.Context) ([]nodefilter.Finding, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	if e.retired {
		return nil, ErrRetired
	}
	e.begun = true
	findings, err := e.converge(ctx)
	if e.swept {
		return findings, err
	}
	// What an agent left that used the other backend holds the same sets: it goes when ours stands, and then those that
	// no rule uses.
	found, sweepErr := e.filter.SweepOther(ctx, e.families)
	if found && err != nil {
		_, err = e.converge(ctx)
	}
	e.swept = sweepErr == nil
	return findings, errors.Join(err, sweepErr)
}

func (e *Reconciler) converge(ctx context.Context) ([]nodefilter.Finding, error) {
	e.reading.RLock()
	states := e.index.State()
	e.reading.RUnlock()
	findings, err := e.filter.Converge(ctx, states)
	e.whole = err == nil
	if len(findings) > 0 {
		e.narrowed.Store(true)
	}
	return findings, err
}

// Retire ends all writing: from its return on the filter is left as it is.
func (e *Reconciler) Retire() {
	e.writing.Lock()
	defer e.writing.Unlock()
	e.retired = true
}

// Cut ends the connections that the policies do not allow any more and returns how many. Where no change since the last
// call can have forbidden any, it does nothing; otherwise it is slow, and belongs after a series of changes, not into it.
func (e *Reconciler) Cut() (int, error) {
	if !e.narrowed.Swap(false) {
		return 0, nil
	}
	n, err := e.filter.Cut(func(p netpol.Packet) bool {
		e.reading.RLock()
		defer e.reading.RUnlock()
		return e.index.Allowed(p)
	}, e.families...)
	if err != nil {
		e.narrowed.Store(true)
	}
	return n, err
}

// auditLimit is how many connections an Audit returns.
const auditLimit = 10_000

// Audit returns the connections that policies in mode Audit would refuse, were they in force. It is slow where there is such a policy.
func (e *Reconciler) Audit() (map[nodefilter.Connection][]netpol.WouldRefuse, error) {
	e.reading.RLock()
	audits := e.index.Audits()
	e.reading.RUnlock()
	if !audits {
		return nil, nil
	}
	found := map[nodefilter.Connection][]netpol.WouldRefuse{}
	return found, e.filter.Connections(func(c nodefilter.Connection) {
		e.reading.RLock()
		defer e.reading.RUnlock()
		if refuses := e.index.Audit(c.Packet); len(refuses) > 0 && len(found) < auditLimit {
			found[c] = refuses
		}
	}, e.families...)
}

// Explain says what becomes of a packet, and why. Whether an end of it is the node itself is found out here.
func (e *Reconciler) Explain(p netpol.Packet) (netpol.Verdict, error) {
	own, err := e.filter.Addresses()
	if err != nil {
		return netpol.Verdict{}, err
	}
	_, p.Node = own[p.From]
	_, p.ToNode = own[p.To]
	e.reading.RLock()
	defer e.reading.RUnlock()
	return e.index.Explain(p), nil
}

// Holds reports whether one of the addresses is the node's own.
func (e *Reconciler) Holds(ips []netip.Addr) (bool, error) {
	own, err := e.filter.Addresses()
	for _, ip := range ips {
		if _, ok := own[ip]; ok {
			return true, err
		}
	}
	return false, err
}

// Summary counts what is known.
func (e *Reconciler) Summary() netpol.Summary {
	e.reading.RLock()
	defer e.reading.RUnlock()
	return e.index.Summary()
}

// PodCIDRs are where the node's pods get their addresses, as far as is known.
func (e *Reconciler) PodCIDRs() []netip.Prefix {
	e.reading.RLock()
	defer e.reading.RUnlock()
	return e.index.PodCIDRs()
}

// Escapes are the bridges whose pods reach each other past the filter.
func (e *Reconciler) Escapes() ([]nodefilter.Escape, error) {
	e.reading.RLock()
	local := e.index.Local()
	e.reading.RUnlock()
	return e.filter.Bridges(local)
}

// Refused are the packets that were refused, as counted when the filter was last read.
func (e *Reconciler) Refused() []nodefilter.Refused { return e.filter.Refused() }

// MarkUses returns the rules of other programs that use our mark bits.
func (e *Reconciler) MarkUses(ctx context.Context) ([]netpol.MarkUse, error) {
	return e.filter.MarkUses(ctx, e.marks, e.families...)
}

package startgate

import (
	"context"
	"time"

	"data-space.liqo.io/pkg/effects/spacefile"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/gate"
)

const (
	gatePolling  = 20 * time.Millisecond // at the start
	gateCoalesce = 20 * time.Millisecond // changes of namespaces
)

// Ready waits until there is something to judge by. It returns false if the context ends before.
func (g *Gate) Ready(ctx context.Context) bool {
	for g.memory.Load().Len() == 0 {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(gatePolling):
		}
	}
	return true
}

// notify reports that a namespace may have changed. It never blocks.
func (g *Gate) notify() {
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// remember writes the list of namespaces to the node after each change, once the watch is complete.
func (g *Gate) remember(ctx context.Context) {
	for ctx.Err() == nil {
		pause := time.Duration(0)
		if err := g.note(ctx); err != nil {
			g.parts.Counters.Failed(failure.Ledger)
			g.parts.Log.Error("the list of namespaces on the node is not up to date", "error", err)
			pause = time.Second
			g.notify()
		}
		select {
		case <-ctx.Done():
		case <-g.changed:
		case <-g.unsynced():
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(gateCoalesce, pause)):
		}
	}
}

// unsynced ends a wait soon while the first lists are still to come: their end is no change of a namespace.
func (g *Gate) unsynced() <-chan time.Time {
	if g.parts.Cluster.Synced() {
		return nil
	}
	return time.After(gatePolling)
}

// note writes the list of namespaces, if it is another than the one on the node.
func (g *Gate) note(ctx context.Context) error {
	if !g.parts.Cluster.Synced() {
		return nil
	}
	all, err := g.parts.Spaces.Spaces(ctx)
	if err != nil {
		return err
	}
	list := gate.SpacesOf(all)
	if g.memory.Load().Same(list) {
		return nil
	}
	list.Written = time.Now().UTC()
	if !g.down.Load() {
		if err := spacefile.Write(g.File, list); err != nil {
			return err
		}
	}
	g.memory.Store(&list)
	return nil
}

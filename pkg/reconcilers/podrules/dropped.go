package podrules

import (
	"context"
	"time"

	"data-space.liqo.io/pkg/decisions/dropped"
	"data-space.liqo.io/pkg/effects/droplog"
	"data-space.liqo.io/pkg/values/fact"
)

// mostBooks is of how many pods, with those that have ended in the last minutes, it is kept where dropped packets were to go.
const mostBooks = 1024

// NotifyDropped has Run call emit with facts of where packets were to go that the rules of pods dropped. It is called before Run, and emit does not wait.
func (e *Reconciler) NotifyDropped(emit func(fact.Fact)) { e.dropped = emit }

// Problem returns what the node's kernel lacks for what the agent was asked to do; empty: nothing.
func (e *Reconciler) Problem() string {
	if !e.settings.LogDrops || !e.settings.NoLog {
		return ""
	}
	return "--drop-destinations: the node's kernel has no NFLOG (modules nfnetlink_log, and xt_NFLOG or nft_log), so the destinations of dropped packets are not recorded; " +
		"load the modules and restart the agent, or remove the flag"
}

// book is what is kept of one pod's dropped packets. The pod may have ended.
type book struct {
	pod fact.Subject
	dropped.Book
}

// readDropped makes facts of what DropLog reads, until the context ends.
func (e *Reconciler) readDropped(ctx context.Context) {
	if e.parts.DropLog == nil || e.dropped == nil {
		return
	}
	books := map[string]*book{} // by sandbox
	e.parts.DropLog.Run(ctx, func(sandbox string, logged droplog.Packet) {
		if sandbox != "" {
			e.addDropped(books, sandbox, logged)
			return
		}
		for sandbox, b := range books {
			for _, f := range b.Facts(time.Now()) {
				f.Subject = b.pod
				e.dropped(f)
			}
			if b.Empty() {
				delete(books, sandbox)
			}
		}
	})
}

func (e *Reconciler) addDropped(books map[string]*book, sandbox string, logged droplog.Packet) {
	packet, ok := dropped.Parse(logged.Prefix, logged.Bytes)
	if !ok {
		return
	}
	b := books[sandbox]
	if b == nil {
		pod, known := e.parts.Store.Get(sandbox)
		if !known || len(books) >= mostBooks {
			return
		}
		b = &book{pod: fact.Subject{Guest: pod.Guest, Namespace: pod.Namespace, Pod: pod.Name, UID: pod.UID}}
		books[sandbox] = b
	}
	b.Add(packet)
}

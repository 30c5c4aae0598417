package podrules

import (
	"context"
	"time"

	"data-space.liqo.io/pkg/decisions/dropped"
	"data-space.liqo.io/pkg/effects/droplog"
	"data-space.liqo.io/pkg/values/fact"
)

const (
	// mostBooks bounds the pods whose dropped packets are kept: more than a node has.
	mostBooks = 1024
	// mostFacts is about how many facts are made of all pods in a second, so that pods that flood together neither fill the queue of facts nor use up
	// the rate of all. Those of one pod more may be made. The others are made in the next seconds.
	mostFacts = 128
)

// NotifyDropped has Run call emit with facts of the destinations of packets that the rules of pods dropped. It is called before Run, and emit does not wait.
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
		e.emitDropped(books, time.Now())
	})
}

// emitDropped makes the facts that are due. Of a pod that has ended all are: pods that follow each other fast leave no books.
func (e *Reconciler) emitDropped(books map[string]*book, now time.Time) {
	made := 0
	for sandbox, b := range books { // another first one each time
		if made >= mostFacts {
			return
		}
		facts := b.Facts
		_, known := e.parts.Store.Get(sandbox)
		if !known {
			facts = b.Rest
		}
		for _, f := range facts(now) {
			f.Subject = b.pod
			e.dropped(f)
			made++
		}
		if !known || b.Empty() {
			delete(books, sandbox)
		}
	}
}

func (e *Reconciler) addDropped(books map[string]*book, sandbox string, logged droplog.Packet) {
	packet, ok := dropped.Parse(logged.Prefix, logged.IPv6, logged.Bytes)
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

package nodeoffers

import (
	"context"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/decisions/vouch"
	"data-space.liqo.io/pkg/values/nodelease"
)

// leaseWatch remembers when each agent's Lease changed, by the controller's own clock. It has one entry a Lease: a Lease
// belongs to its Node and goes with it. It is safe for concurrent use.
type leaseWatch struct {
	duration time.Duration // of a Lease

	mu  sync.Mutex
	all map[string]sighting // by node
}

type sighting struct {
	vouch.Lease
	state nodelease.State
}

func newLeaseWatch(duration time.Duration) *leaseWatch {
	return &leaseWatch{duration: duration, all: map[string]sighting{}}
}

func (w *leaseWatch) of(node string) vouch.Lease {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all[node].Lease
}

// saw notes a Lease and returns its node, and whether there is something to decide. An ordinary renewal is not: the node
// is looked at again when the renewal before has run out, and finds this one.
func (w *leaseWatch) saw(l *coordinationv1.Lease, now time.Time) (node string, decide bool) {
	state, ok := nodelease.Read(l)
	if !ok {
		return "", false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.all[state.Node]
	next := sighting{state: state, Lease: before.Lease}
	next.Known, next.Holder, next.Boot = true, state.Holder, state.Boot
	switch {
	case !before.Known || before.Deleted:
		next.Deleted, next.Renewals, next.Seen = false, 0, now
	case state != before.state:
		next.Renewals++
		next.Seen = now
	}
	w.all[state.Node] = next
	ordinary := before.Known && !before.Deleted && before.Renewals > 0 && next.Holder == before.Holder && next.Boot == before.Boot &&
		now.Sub(before.Seen) < w.duration/2
	return state.Node, !ordinary
}

// lost notes that a Lease is gone.
func (w *leaseWatch) lost(l *coordinationv1.Lease) (node string, ok bool) {
	if node, ok = nodelease.NodeOf(l.Name); !ok {
		return "", false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all[node] = sighting{Lease: vouch.Lease{Known: true, Deleted: true}}
	return node, true
}

// forget drops what is known of a node that is gone.
func (w *leaseWatch) forget(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all[node].Deleted {
		delete(w.all, node)
	}
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// handler asks for a decision where a Lease gives a reason for one.
func (w *leaseWatch) handler() handler.EventHandler {
	saw := func(o client.Object, q queue) {
		if lease, ok := o.(*coordinationv1.Lease); ok {
			if node, decide := w.saw(lease, time.Now()); decide && node != "" {
				q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Name: node}})
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { saw(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { saw(e.ObjectNew, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			if lease, ok := e.Object.(*coordinationv1.Lease); ok {
				if node, ok := w.lost(lease); ok {
					q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Name: node}})
				}
			}
		},
	}
}

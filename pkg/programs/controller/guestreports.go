package controller

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/values/nodelease"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// queue has what a controller is to decide about next.
type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

const (
	// nodesShown bounds the status.
	nodesShown = 256
	// reportsEvery is how often a status is written at most because agents report other numbers.
	reportsEvery = 10 * time.Second
)

// guestReports remembers what the agents report of guests' pods in their Leases. It is safe for concurrent use.
type guestReports struct {
	mu    sync.Mutex
	texts map[string]string                         // by node
	all   map[string]map[string]nodelease.GuestPods // by guest and node
	wrote map[string]time.Time                      // by GuestPolicy, its status with other numbers
}

func newGuestReports() *guestReports {
	return &guestReports{texts: map[string]string{}, all: map[string]map[string]nodelease.GuestPods{}, wrote: map[string]time.Time{}}
}

// set takes the report of a node, empty for none, and returns the guests of whom it reports something else than before.
func (r *guestReports) set(node, text string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.texts[node]
	if text == before {
		return nil
	}
	var changed []string
	reported := map[string]bool{}
	for _, g := range nodelease.DecodeGuests(text) {
		reported[g.Guest] = true
		if r.all[g.Guest] == nil {
			r.all[g.Guest] = map[string]nodelease.GuestPods{}
		}
		if known, ok := r.all[g.Guest][node]; !ok || known != g {
			r.all[g.Guest][node] = g
			changed = append(changed, g.Guest)
		}
	}
	for _, g := range nodelease.DecodeGuests(before) {
		if reported[g.Guest] {
			continue
		}
		changed = append(changed, g.Guest)
		if delete(r.all[g.Guest], node); len(r.all[g.Guest]) == 0 {
			delete(r.all, g.Guest)
		}
	}
	if r.texts[node] = text; text == "" {
		delete(r.texts, node)
	}
	return changed
}

// status puts the reports about a guest into its status.
func (r *guestReports) status(guest string, into *v1alpha1.GuestPolicyStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var pods, held int32
	into.Nodes = nil
	for node, g := range r.all[guest] {
		n := v1alpha1.GuestNode{Name: node, Pods: int32(g.Pods), HeldPods: int32(g.Held)} //nolint:gosec // a node has not that many pods
		if !g.Written.IsZero() {
			n.LastEnforced = ptr.To(metav1.NewTime(g.Written))
		}
		pods, held = pods+n.Pods, held+n.HeldPods
		into.Nodes = append(into.Nodes, n)
	}
	slices.SortFunc(into.Nodes, func(a, b v1alpha1.GuestNode) int { return cmp.Compare(a.Name, b.Name) })
	into.Nodes = into.Nodes[:min(len(into.Nodes), nodesShown)]
	into.Pods, into.HeldPods = &pods, &held
}

// wait returns how long a status must wait that differs in the agents' numbers only, and zero if it is to be written now.
func (r *guestReports) wait(policy string, have, want v1alpha1.GuestPolicyStatus, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	have.Pods, have.HeldPods, have.Nodes = want.Pods, want.HeldPods, want.Nodes
	if wait := r.wrote[policy].Add(reportsEvery).Sub(now); wait > 0 && equality.Semantic.DeepEqual(have, want) {
		return wait
	}
	r.wrote[policy] = now
	return 0
}

// forget drops what is known of a GuestPolicy that is gone.
func (r *guestReports) forget(policy string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.wrote, policy)
}

// handler asks for the guests of whom an agent reports something else.
func (r *guestReports) handler() handler.EventHandler {
	take := func(o client.Object, gone bool, q queue) {
		lease, ok := o.(*coordinationv1.Lease)
		if !ok {
			return
		}
		state, ok := nodelease.Read(lease)
		if !ok {
			return
		}
		if gone {
			state.Guests = ""
		}
		for _, guest := range r.set(state.Node, state.Guests) {
			if guest != "" {
				q.Add(reconcile.Request{NamespacedName: client.ObjectKey{Name: guest}})
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { take(e.Object, false, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) { take(e.ObjectNew, false, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { take(e.Object, true, q) },
	}
}

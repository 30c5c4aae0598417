package controller

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/guestnames"
	"data-space.liqo.io/pkg/decisions/guestnet"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

const (
	// lookupEvery is the time between two look-ups of a name.
	lookupEvery = 30 * time.Second
	// lookupsAtOnce are made at one time, so that a server which does not answer delays other names by seconds.
	lookupsAtOnce = 32
	// mostNames bounds the names of all GuestPolicies.
	mostNames = 256
)

// names are the hosts in GuestPolicies, with their addresses. They are safe for concurrent use.
type names struct {
	listeners
	lookup  lookup
	logger  *slog.Logger
	failing prometheus.Gauge

	mu       sync.Mutex
	restored bool // what was open before this controller started is known
	known    map[string]guestnames.Name
	due      map[string]time.Time // of each name in known
	problem  string               // why nothing is answered
	dirty    bool                 // what is open, or a problem, has changed
}

func newNames(server string, logger *slog.Logger) *names {
	return &names{
		lookup: newLookup(server), logger: logger, known: map[string]guestnames.Name{}, due: map[string]time.Time{},
		failing: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "data_space_controller_guest_names_failing", Help: "Names of hosts in GuestPolicies that have no address, or whose last look-up failed.",
		}),
	}
}

// ready reports whether it is known what was open before.
func (n *names) ready() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.restored
}

// restore takes what was open before, once.
func (n *names) restore(held string, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.restored {
		return
	}
	for name, open := range guestnames.DecodeHeld(held) {
		n.known[name], n.due[name] = guestnames.Restored(open, now), now
	}
	n.restored = true
}

// resolution returns what is known of a name.
func (n *names) resolution(name string) guestnet.Resolution {
	n.mu.Lock()
	defer n.mu.Unlock()
	found, known := n.known[name]
	if !known {
		return guestnet.Resolution{Problem: fmt.Sprintf("opens nothing yet: it has not been looked up; at most %d names of all GuestPolicies are", mostNames)}
	}
	answered, _ := found.Answered(time.Now())
	r := guestnet.Resolution{Open: found.Open(), Answered: answered, Problem: found.Problem}
	if r.Problem == "" {
		r.Problem = n.problem
	}
	return r
}

// wantedNames returns the names of all GuestPolicies that are looked up.
func wantedNames(ctx context.Context, reader client.Reader) ([]string, error) {
	policies := &v1alpha1.GuestPolicyList{}
	if err := reader.List(ctx, policies); err != nil {
		return nil, fmt.Errorf("list GuestPolicies: %w", err)
	}
	slices.SortFunc(policies.Items, func(a, b v1alpha1.GuestPolicy) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	all := map[string]bool{}
	for i := range policies.Items {
		for _, name := range guestnet.NamesOf(policies.Items[i].Spec.Network) {
			if len(all) < mostNames {
				all[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// update looks up the names that are due, and forgets those that are not wanted. It returns when the next one is due.
func (n *names) update(ctx context.Context, wanted []string) (next time.Duration) {
	now := time.Now()
	group := errgroup.Group{}
	group.SetLimit(lookupsAtOnce)
	n.keep(wanted)
	for _, name := range wanted {
		if !n.isDue(name, now) {
			continue
		}
		group.Go(func() error {
			found, err := n.lookup(ctx, name)
			n.found(ctx, name, found, err)
			return nil
		})
	}
	_ = group.Wait() // none returns an error
	if n.moved() {
		n.changed()
	}
	return n.next()
}

// moved reports whether what is open, or a problem, has changed since it was last called.
func (n *names) moved() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	moved := n.dirty
	n.dirty = false
	return moved
}

// keep forgets the names that are not wanted.
func (n *names) keep(wanted []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.known, func(name string, _ guestnames.Name) bool { return !slices.Contains(wanted, name) })
	maps.DeleteFunc(n.due, func(name string, _ time.Time) bool { return !slices.Contains(wanted, name) })
	n.count()
}

func (n *names) isDue(name string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.due[name].After(now)
}

// found takes what a look-up returned.
func (n *names) found(ctx context.Context, name string, addresses []netip.Addr, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before, now := n.known[name], time.Now()
	next := before
	switch {
	case err != nil:
		next = before.Failed(lookupProblem(err))
	default:
		if next = before.Found(addresses, now); len(addresses) == 0 {
			next = next.Failed("the DNS has no address of it")
		}
	}
	if next.Problem != "" && next.Problem != before.Problem {
		n.logger.WarnContext(ctx, "a name of a GuestPolicy has no address", "name", name, "problem", next.Problem, "error", err)
	}
	_, known := n.known[name]
	n.dirty = n.dirty || !known || next.Problem != before.Problem || !slices.Equal(next.Open(), before.Open())
	n.known[name], n.due[name] = next, now.Add(lookupEvery)
	n.count()
}

// count exports how many names have a problem. The caller holds the lock.
func (n *names) count() {
	failing := 0
	for _, one := range n.known {
		if one.Problem != "" {
			failing++
		}
	}
	n.failing.Set(float64(failing))
}

// next returns when something is to be done: a look-up, or an answer that may be given by then.
func (n *names) next() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) == 0 {
		return 0
	}
	now, wait := time.Now(), lookupEvery
	for name, one := range n.known {
		wait = min(wait, max(n.due[name].Sub(now), time.Second))
		if _, more := one.Answered(now); more > 0 {
			wait = min(wait, more)
		}
	}
	return wait
}

// note keeps why nothing is answered, and reports whether that is new.
func (n *names) note(problem string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.problem
	n.problem = problem
	return before != problem
}

// held returns the open addresses of all names, for a controller that starts.
func (n *names) held() (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return guestnames.EncodeHeld(n.known)
}

package workloads

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

const (
	// lagLimit is how long the cache is taken to be behind what was written. If it is behind for longer, the API server refuses the write.
	lagLimit = 2 * time.Second
	// takenPeriod is after how long a name that another client's policy has is tried again.
	takenPeriod = time.Minute
	writers     = 4
)

// policyClient is the part of a client that writes policies.
type policyClient interface {
	// Create makes an object. One that is there is an error (IsAlreadyExists).
	Create(ctx context.Context, obj client.Object, opts ...client.CreateOption) error
	// Update replaces an object of the resource version that obj has; otherwise it is an error (IsConflict).
	Update(ctx context.Context, obj client.Object, opts ...client.UpdateOption) error
	// Delete deletes an object. One that is not there is an error (IsNotFound).
	Delete(ctx context.Context, obj client.Object, opts ...client.DeleteOption) error
}

// writer brings the policies in the API server to what is wanted, by at most one write each. It never writes a policy without our label.
// One round at a time uses it.
type writer struct {
	client  policyClient
	live    client.Reader
	metrics meters
	logger  *slog.Logger

	mu sync.Mutex
	// stored is what the API server answered to the last write of a policy: the cache may be behind it.
	stored map[client.ObjectKey]storedPolicy
	// taken are the names that policies of others have, and when that was seen.
	taken map[client.ObjectKey]time.Time
}

type storedPolicy struct {
	policy *networkingv1.NetworkPolicy // nil: deleted
	at     time.Time
	uid    string
	// shown says that the cache has shown it: if it is missing, another client deleted it.
	shown bool
}

// outcome is what a round's writes came to.
type outcome struct {
	mu sync.Mutex
	// restored are policies that another client had changed or deleted, with what it did.
	restored map[client.ObjectKey]string
	// retry says that something is to be tried again soon.
	retry bool
	errs  []error
}

// step is one write.
type step struct {
	want, have *networkingv1.NetworkPolicy // want nil: delete
	changed    []string
}

func (s step) key() client.ObjectKey {
	if s.want != nil {
		return client.ObjectKeyFromObject(s.want)
	}
	return client.ObjectKeyFromObject(s.have)
}

// apply writes the differences. A namespace is closed after its workloads have their policies, and opened before they lose them.
func (w *writer) apply(ctx context.Context, want []*networkingv1.NetworkPolicy, have map[client.ObjectKey]*networkingv1.NetworkPolicy) *outcome {
	out := &outcome{restored: map[client.ObjectKey]string{}}
	var opens, sets, closes, removes []step
	wanted := map[client.ObjectKey]bool{}
	have, out.retry = w.latest(have)
	for _, p := range want {
		key := client.ObjectKeyFromObject(p)
		wanted[key] = true
		s := step{want: p, have: have[key]}
		if s.have != nil {
			if s.changed = leastpriv.Changed(p, s.have); len(s.changed) == 0 {
				continue
			}
		}
		if p.Name == leastpriv.ClosedName {
			closes = append(closes, s)
		} else {
			sets = append(sets, s)
		}
	}
	for key, p := range have {
		switch {
		case wanted[key]:
		case key.Name == leastpriv.ClosedName:
			opens = append(opens, step{have: p})
		default:
			removes = append(removes, step{have: p})
		}
	}
	for _, steps := range [][]step{opens, sets, closes, removes} {
		w.all(ctx, steps, out)
	}
	w.forget(wanted)
	return out
}

func (w *writer) all(ctx context.Context, steps []step, out *outcome) {
	slices.SortFunc(steps, func(a, b step) int { return slices.Compare([]string{a.key().String()}, []string{b.key().String()}) })
	var group errgroup.Group
	group.SetLimit(writers)
	for _, s := range steps {
		group.Go(func() error {
			w.one(ctx, s, out)
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}

// latest returns what is there: what the cache shows, or what was written since. It also returns whether the cache is behind.
func (w *writer) latest(have map[client.ObjectKey]*networkingv1.NetworkPolicy) (map[client.ObjectKey]*networkingv1.NetworkPolicy, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	behind := false
	for key, s := range w.stored {
		shown := have[key]
		current := s.policy == nil && (shown == nil || string(shown.UID) != s.uid) ||
			s.policy != nil && shown != nil && !older(shown.ResourceVersion, s.policy.ResourceVersion)
		if current || s.shown || time.Since(s.at) > lagLimit {
			s.shown = true
			w.stored[key] = s
			continue
		}
		behind = true
		if s.policy == nil {
			delete(have, key)
		} else {
			have[key] = s.policy
		}
	}
	return have, behind
}

// older compares versions as the API server numbers them.
func older(a, b string) bool {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	return errX == nil && errY == nil && x < y
}

// forget drops what is known of policies that are not wanted any more, once the cache knows it too.
func (w *writer) forget(wanted map[client.ObjectKey]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, s := range w.stored {
		if !wanted[key] && time.Since(s.at) > lagLimit {
			delete(w.stored, key)
		}
	}
	for key := range w.taken {
		if !wanted[key] {
			delete(w.taken, key)
		}
	}
}

// one takes one step by at most one write, and notes in out what came of it. An object that the cache does not have as it is leads to another
// round, not to an error.
func (w *writer) one(ctx context.Context, s step, out *outcome) {
	key := s.key()
	w.mu.Lock()
	taken, isTaken := w.taken[key]
	before := w.stored[key]
	w.mu.Unlock()
	var err error
	switch {
	case s.want == nil:
		err = w.remove(ctx, s.have)
	case s.have != nil:
		err = w.update(ctx, s)
	case isTaken && time.Since(taken) < takenPeriod:
		return
	default:
		err = w.create(ctx, s.want)
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	switch {
	case err == nil:
		if text := restored(s, before); text != "" {
			out.restored[key] = text
		}
	case apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err):
		out.retry = true // the cache lags
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
	default:
		out.errs = append(out.errs, err)
	}
}

// restored returns what another client did to a policy that was written before as it is wanted now.
func restored(s step, before storedPolicy) string {
	if s.want == nil || before.policy == nil || len(leastpriv.Changed(s.want, before.policy)) > 0 {
		return ""
	}
	if s.have == nil {
		return "had been deleted and is back"
	}
	return fmt.Sprintf("%v had been changed and is as it was", s.changed)
}

// create makes a policy. Where another client has one of that name, it stays as it is: it is asked about again after takenPeriod.
func (w *writer) create(ctx context.Context, want *networkingv1.NetworkPolicy) error {
	key := client.ObjectKeyFromObject(want)
	object := want.DeepCopy()
	w.metrics.writes.WithLabelValues("create").Inc()
	err := w.client.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) {
		var there networkingv1.NetworkPolicy
		if err := w.live.Get(ctx, key, &there); err != nil {
			return fmt.Errorf("read NetworkPolicy %s: %w", key, err)
		}
		if _, ours := there.Labels[leastpriv.LabelPolicy]; !ours {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.taken[key] = time.Now()
			return nil
		}
		w.note(key, &there)
		return err
	}
	if err != nil {
		return fmt.Errorf("create NetworkPolicy %s: %w", key, err)
	}
	w.logger.Info("created", "policy", key)
	w.note(key, object)
	return nil
}

func (w *writer) update(ctx context.Context, s step) error {
	key := s.key()
	object := leastpriv.Updated(s.want, s.have)
	w.metrics.writes.WithLabelValues("update").Inc()
	if err := w.client.Update(ctx, object); err != nil {
		return fmt.Errorf("update NetworkPolicy %s: %w", key, err)
	}
	w.logger.Info("updated", "policy", key, "changed", s.changed)
	w.note(key, object)
	return nil
}

// remove deletes exactly the policy that was judged, not a successor of the same name.
func (w *writer) remove(ctx context.Context, have *networkingv1.NetworkPolicy) error {
	key, uid := client.ObjectKeyFromObject(have), have.UID
	w.metrics.writes.WithLabelValues("delete").Inc()
	if err := w.client.Delete(ctx, have.DeepCopy(), client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete NetworkPolicy %s: %w", key, err)
	}
	w.logger.Info("deleted", "policy", key)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stored[key] = storedPolicy{uid: string(uid), at: time.Now()}
	return nil
}

func (w *writer) note(key client.ObjectKey, policy *networkingv1.NetworkPolicy) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.taken, key)
	w.stored[key] = storedPolicy{policy: policy, at: time.Now(), uid: string(policy.UID)}
}

// takenNames returns the names that policies of others have.
func (w *writer) takenNames() map[client.ObjectKey]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	names := map[client.ObjectKey]bool{}
	for key := range w.taken {
		names[key] = true
	}
	return names
}

func (o *outcome) err() error { return errors.Join(o.errs...) }

package policywatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/apiwire"
)

// feed follows one kind: a complete list, then its changes, and again a list when the API server has forgotten the version.
type feed struct {
	kind  kind
	calls calls
	queue *queue
	log   *slog.Logger
	api   *witness

	noStream bool   // the API server does not stream lists
	version  string // up to which the kind is known; "": a list is due
	listing  bool   // a list has begun and not ended
}

// Times between attempts, and how long a watch lasts.
const (
	firstPause  = 800 * time.Millisecond
	maxPause    = 30 * time.Second
	watchLasts  = 5 * time.Minute
	goodAttempt = 5 * time.Second // an attempt that lasted so long is no reason to wait
)

// run follows the kind until the context ends.
func (f *feed) run(ctx context.Context) {
	wait := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		err := f.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errExpired):
			f.log.Info("the API server has forgotten the version that a watch would go on from: list again", "resource", f.kind.resource)
			f.version = ""
		case err != nil && !errors.Is(err, io.EOF):
			f.report(err)
		}
		if err == nil || time.Since(began) > goodAttempt {
			wait = firstPause
			continue
		}
		pause(ctx, wait/2+rand.N(wait/2)) //nolint:gosec // to spread load, not to be secret
		wait = min(2*wait, maxPause)
	}
}

// report logs why a watch ended. An object that cannot be decoded is a problem, not a matter of the connection.
func (f *feed) report(err error) {
	if errors.Is(err, apiwire.ErrMalformed) {
		f.api.note(err.Error())
		f.log.Warn("an object of the API server cannot be decoded; what is on the node stays", "resource", f.kind.resource, "error", err)
		return
	}
	f.log.Debug("a watch ended", "resource", f.kind.resource, "error", err)
}

// once lists, if a list is due, and watches until the watch ends.
func (f *feed) once(ctx context.Context) error {
	if f.version == "" {
		streamed, err := f.list(ctx)
		if streamed || err != nil {
			return err
		}
	}
	return f.follow(ctx)
}

// list reads the complete list. Where the API server streams it, changes follow in the same answer until it ends.
func (f *feed) list(ctx context.Context) (streamed bool, err error) {
	f.listing = true
	if err := f.queue.put(ctx, netpol.ListBegins{Kind: f.kind.list}); err != nil {
		return false, err
	}
	if !f.noStream {
		err := f.follow(ctx)
		if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
			return true, err
		}
		f.noStream = true
	}
	return false, f.pages(ctx)
}

// pages reads the list in pages, each decoded before the next is asked for.
func (f *feed) pages(ctx context.Context) error {
	after := ""
	for {
		a, err := f.calls.page(ctx, after)
		if err != nil {
			return expired(err)
		}
		head, err := f.kind.listed(a, func(r reading) error { return f.seen(ctx, r) })
		_ = a.Close()
		if err != nil {
			return fmt.Errorf("list %s: %w", f.kind.resource, err)
		}
		if after = head.Continue; after == "" {
			return f.listed(ctx, head.ResourceVersion)
		}
	}
}

// listed ends the list.
func (f *feed) listed(ctx context.Context, version string) error {
	if version == "" {
		return fmt.Errorf("the list of %s has no version", f.kind.resource)
	}
	if err := f.queue.put(ctx, netpol.ListEnds{Kind: f.kind.list}); err != nil {
		return err
	}
	f.listing, f.version = false, version
	f.queue.arrived(f.kind.resource)
	return nil
}

// follow reads the events of a watch until it ends; nil where it ended in good order.
func (f *feed) follow(ctx context.Context) error {
	a, err := f.calls.watch(ctx, f.version, watchLasts+rand.N(watchLasts)) //nolint:gosec // to spread load, not to be secret
	if err != nil {
		return expired(err)
	}
	defer func() { _ = a.Close() }()
	frames := frames{kind: f.kind, answer: a}
	events := 0
	for {
		e, err := frames.next()
		if errors.Is(err, io.EOF) && events > 0 && !f.listing {
			return nil
		}
		if err == nil {
			err = f.event(ctx, e)
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", f.kind.resource, err)
		}
		events++
	}
}

// event takes one event of a watch. While the initial list is streamed (WatchList, KEP-3157), the resource version is not kept: only the bookmark
// that ends the list makes it one from which a watch may begin again.
func (f *feed) event(ctx context.Context, e event) error {
	var err error
	switch e.what {
	case watch.Bookmark:
		if f.listing && e.InitialEnd {
			return f.listed(ctx, e.ResourceVersion)
		}
	case watch.Added, watch.Modified:
		err = f.seen(ctx, e.reading)
	case watch.Deleted:
		err = f.put(ctx, f.kind.gone(e.Key))
	default:
		return fmt.Errorf("unknown event %q", e.what)
	}
	if err == nil && !f.listing {
		f.version = e.ResourceVersion
	}
	return err
}

// seen reports an object as it is. One that does not concern policies is, for them, not there.
func (f *feed) seen(ctx context.Context, r reading) error {
	if r.seen == nil {
		return f.put(ctx, f.kind.gone(r.Key))
	}
	return f.put(ctx, r.seen)
}

func (f *feed) put(ctx context.Context, c netpol.Change) error {
	if f.listing {
		c = netpol.Listed{Change: c}
	}
	return f.queue.put(ctx, c)
}

// expired makes of the API server's words for it errExpired.
func expired(err error) error {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return errExpired
	}
	return err
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

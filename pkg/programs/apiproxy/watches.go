package apiproxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"

	"data-space.liqo.io/pkg/decisions/window"
)

// watches are the watches that are open. It is safe for concurrent use.
type watches struct {
	mu   sync.Mutex
	open map[*watch]struct{}
}

// watch is one of them.
type watch struct {
	holds func() bool // whether the verdict by which it was opened is that of now
	end   context.CancelCauseFunc
}

// Reasons for which the proxy ends a watch.
type ending string

func (e ending) Error() string { return string(e) }

const (
	changed  ending = "what the caller sees has changed; list again"
	draining ending = "the API proxy ends"
)

// begin registers a watch, which ends when its verdict is not that of now any more, or what it follows is not the same; nil: it follows nothing.
func (w *watches) begin(ctx context.Context, holds func() bool, follow func() (moved <-chan struct{}, same bool)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	one := &watch{holds, cancel}
	w.mu.Lock()
	if w.open == nil {
		w.open = map[*watch]struct{}{}
	}
	w.open[one] = struct{}{}
	w.mu.Unlock()
	if !holds() { // it has changed since the verdict
		cancel(changed)
	}
	if follow != nil {
		go func() {
			for moved, same := follow(); ; moved, same = follow() {
				if !same {
					cancel(changed)
					return
				}
				select {
				case <-moved:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	return ctx, func() {
		cancel(nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.open, one)
	}
}

// check ends the watches whose verdict has changed.
func (w *watches) check() {
	for _, one := range w.list() {
		if !one.holds() {
			one.end(changed)
		}
	}
}

// endAll ends all watches.
func (w *watches) endAll() {
	for _, one := range w.list() {
		one.end(draining)
	}
}

func (w *watches) list() []*watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]*watch, 0, len(w.open))
	for one := range w.open {
		all = append(all, one)
	}
	return all
}

// holds returns a function that reports whether a verdict is that of now.
func (p *proxy) holds(caller window.Caller, ids []string, r window.Request, v window.Verdict) func() bool {
	if v.Action == window.Pass {
		return func() bool { return true } // the API server decides
	}
	return func() bool {
		guests, _ := p.guests.Guests()
		now := guests.Of(caller)
		next, err := guests.Decide(now, r)
		return err == nil && slices.Equal(ids, now) && next.Same(v)
	}
}

// stillGuests returns a function that reports whether a caller belongs to these guests now.
func (p *proxy) stillGuests(caller window.Caller, ids []string) func() bool {
	return func() bool {
		guests, _ := p.guests.Guests()
		return slices.Equal(ids, guests.Of(caller))
	}
}

// watchBody is the body of a watch. It ends as a stream of the API server's does when the proxy ends the watch.
type watchBody struct {
	io.ReadCloser
	ctx context.Context //nolint:containedctx // It is the request's, as the body is.
}

// Read implements io.Reader.
func (b watchBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err != nil && endedHere(b.ctx) != "" {
		return n, io.EOF
	}
	return n, err
}

// endedHere returns why the proxy has ended a watch, or "".
func endedHere(ctx context.Context) ending {
	var why ending
	errors.As(context.Cause(ctx), &why)
	return why
}

func endable(r *http.Response) {
	if r.StatusCode == http.StatusOK {
		r.Body = watchBody{r.Body, r.Request.Context()}
	}
}

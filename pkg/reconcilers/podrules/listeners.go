package podrules

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
)

// Pauses between two looks at a proxy that does not listen yet.
const (
	firstPause = 4 * time.Millisecond
	lastPause  = 5 * time.Second
	// pausePart is the part of the time that a proxy has taken so far after which the next look follows: 1/pausePart.
	pausePart = 50
	// idlePart bounds the cost of all looks: for each unit of work the agent waits this many units.
	idlePart = 4
)

// listeners sets redirect.SocketMark on the sockets with which proxies listen for callers from outside. Until then the rules drop the SYN+ACKs of
// these sockets. It is safe for concurrent use.
type listeners struct {
	log     *slog.Logger
	markAll func(sockets.Owner) (sockets.Marked, error)

	mu      sync.Mutex
	waiting map[string]listening // by sandbox
	added   chan struct{}
}

// listening is a proxy that does not listen on all its ports yet.
type listening struct {
	pod         endpoint.Endpoint
	owner       sockets.Owner
	since, next time.Time
}

func newListeners(logger *slog.Logger, mark func(sockets.Owner) (sockets.Marked, error)) *listeners {
	return &listeners{log: logger, markAll: mark, waiting: map[string]listening{}, added: make(chan struct{}, 1)}
}

// check marks the listeners of the target's proxy, and waits for those that are not there yet, in the background. The error has a reason (failure.ReasonOf).
func (l *listeners) check(t endpoint.Target) error {
	done, err := l.mark(listening{pod: t.Endpoint, owner: owner(t), since: time.Now()})
	if errors.Is(err, sockets.ErrGone) {
		return nil // the runtime reports its end
	}
	if err != nil {
		return failure.New(failure.Mark, err)
	}
	if !done {
		l.await(t)
	}
	return nil
}

// await marks the listeners of the target's proxy as soon as they are there. It returns at once.
func (l *listeners) await(t endpoint.Target) {
	now := time.Now()
	l.mu.Lock()
	if was := l.waiting[t.Sandbox]; was.owner != owner(t) {
		l.waiting[t.Sandbox] = listening{pod: t.Endpoint, owner: owner(t), since: now, next: now}
	}
	l.mu.Unlock()
	select {
	case l.added <- struct{}{}:
	default:
	}
}

func owner(t endpoint.Target) sockets.Owner {
	return sockets.Owner{PID: t.Proxy.PID, Cgroup: t.Proxy.Cgroup}
}

// run works until the context ends. All proxies that start at the same time cost at most a fixed part of one CPU together.
func (l *listeners) run(ctx context.Context) {
	for ctx.Err() == nil {
		started := time.Now()
		next := l.sweep(started)
		var wait <-chan time.Time
		if !next.IsZero() {
			wait = time.After(max(firstPause, idlePart*time.Since(started), time.Until(next)))
		}
		select {
		case <-ctx.Done():
		case <-wait:
		case <-l.added:
		}
	}
}

// sweep looks at every proxy whose turn it is, and returns when the next turn is. Zero: no proxy is waited for.
func (l *listeners) sweep(now time.Time) (next time.Time) {
	l.mu.Lock()
	due := map[string]listening{}
	for box, p := range l.waiting {
		if !now.Before(p.next) {
			due[box] = p
		}
	}
	l.mu.Unlock()
	for box, p := range due {
		done, err := l.mark(p)
		if err != nil && !errors.Is(err, sockets.ErrGone) {
			l.log.Error("cannot mark the proxy's listeners: the proxy does not answer callers from outside", "namespace", p.pod.Namespace, "pod", p.pod.Name, "error", err)
		}
		l.settle(box, p, done || err != nil)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.waiting {
		if next.IsZero() || p.next.Before(next) {
			next = p.next
		}
	}
	return next
}

// settle removes the proxy, or notes when its next turn is, unless another proxy has taken its place.
func (l *listeners) settle(box string, p listening, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[box].owner != p.owner {
		return
	}
	if done {
		delete(l.waiting, box)
		return
	}
	now := time.Now()
	p.next = now.Add(min(max(firstPause, now.Sub(p.since)/pausePart), lastPause))
	l.waiting[box] = p
}

// mark marks the listeners that are there, and reports whether these are all.
func (l *listeners) mark(p listening) (bool, error) {
	marked, err := l.markAll(p.owner)
	if marked.Wrote > 0 {
		l.log.Info("listeners of the proxy marked: it answers callers from outside", "namespace", p.pod.Namespace, "pod", p.pod.Name, "ports", marked.Ports,
			"milliseconds", time.Since(p.since).Milliseconds())
	}
	return len(marked.Ports) == len(redirect.MarkedPorts()), err
}

// Mark marks the listeners of the target's proxy, and lets Run wait for those that are not there yet. The error has a reason (failure.ReasonOf).
func (e *Reconciler) Mark(t endpoint.Target) error { return e.listeners.check(t) }

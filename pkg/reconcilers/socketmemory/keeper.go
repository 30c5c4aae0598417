package socketmemory

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/proxymemory"
	"data-space.liqo.io/pkg/effects/memcg"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/values/endpoint"
)

const (
	// interval is the time between two looks. A look at a proxy that is not pressed costs one system call.
	interval = 50 * time.Millisecond
	// brakeInterval is the time between two looks at the brake, which systemd takes away when it reads its units again.
	brakeInterval = 10 * time.Second
	// quiet is the shortest time between two lines in the log about one proxy.
	quiet = time.Minute
)

// Keeper ends the connections of a proxy that hold most, when the kernel holds more for its sockets than there is room for in its memory limit;
// and has the kernel slow a proxy down that is near its limit. Both need cgroup v2, which counts buffers of sockets as memory of the
// container; elsewhere they take nothing from the limit, and the Keeper does nothing. It is safe for concurrent use. Make it with New.
type Keeper struct {
	log    *slog.Logger
	open   func(endpoint.Target) (*netns.Namespace, error)
	notice Notice

	reports proxymemory.Reports // Run alone uses it

	mu      sync.Mutex
	watched map[string]*watch // by sandbox
	added   chan struct{}
}

// New returns a Keeper that watches no proxy; open opens a target's network namespace.
func New(log *slog.Logger, open func(endpoint.Target) (*netns.Namespace, error)) *Keeper {
	return &Keeper{log: log, open: open, watched: map[string]*watch{}, added: make(chan struct{}, 1)}
}

// Watch has Run keep the target's proxy, in place of an earlier one of the sandbox. It returns at once.
func (k *Keeper) Watch(t endpoint.Target) {
	k.mu.Lock()
	defer k.mu.Unlock()
	was := k.watched[t.Sandbox]
	if was != nil && was.target.Proxy.CgroupInode == t.Proxy.CgroupInode {
		return
	}
	if was != nil {
		k.forget(t.Sandbox, was)
	}
	if t.Proxy.CgroupInode == 0 {
		return // its sockets cannot be distinguished from others
	}
	group := memcg.Open(t.Proxy.Cgroup)
	if group == nil {
		return
	}
	k.watched[t.Sandbox] = &watch{target: t, group: group}
	select {
	case k.added <- struct{}{}:
	default:
	}
}

// Run keeps the proxies until the context ends. A proxy is forgotten when its control group is gone.
func (k *Keeper) Run(ctx context.Context) {
	for ctx.Err() == nil {
		var next <-chan time.Time
		if k.look(time.Now()) > 0 {
			next = time.After(interval)
		}
		select {
		case <-ctx.Done():
		case <-next:
		case <-k.added:
		}
	}
}

// look looks at every proxy, and returns how many there were.
func (k *Keeper) look(now time.Time) int {
	k.mu.Lock()
	all := maps.Clone(k.watched)
	k.mu.Unlock()
	var r round
	for box, w := range all { // in another order each time: each has its turn
		if err := k.keep(w, &r, now); err != nil {
			k.mu.Lock()
			k.forget(box, w)
			k.mu.Unlock()
		}
	}
	return len(all)
}

// forget is for who holds the lock.
func (k *Keeper) forget(box string, w *watch) {
	if k.watched[box] == w {
		_ = w.group.Close() // it was read
		delete(k.watched, box)
	}
}

// keep returns an error if the control group is gone.
func (k *Keeper) keep(w *watch, r *round, now time.Time) error {
	if now.Sub(w.braked) >= brakeInterval {
		limit, err := w.group.Limit() // it may change while a container runs
		if err != nil {
			return err
		}
		w.limit, w.braked = limit, now
		if limit > 0 {
			w.failed(w.group.Slow(proxymemory.Brake(limit)))
		}
	}
	held, err := w.group.Now()
	if err != nil {
		return err
	}
	before := w.ended
	if (proxymemory.Usage{Limit: w.limit, Now: held}).Pressed() && r.lists(w, now) {
		w.failed(k.relieve(w))
	}
	k.notify(w, now, w.ended-before)
	if now.Sub(w.logged) >= quiet {
		k.report(w, now)
	}
	return nil
}

func (w *watch) failed(err error) {
	if err != nil {
		w.trouble = err
	}
}

func (k *Keeper) report(w *watch, now time.Time) {
	pod := k.log.With("namespace", w.target.Endpoint.Namespace, "pod", w.target.Endpoint.Name)
	if w.ended > 0 {
		pod.Warn("connections of the proxy ended: the kernel held more for its sockets than its memory limit has room for; read what arrives, or raise --proxy-limits",
			"connections", w.ended, "limit", w.limit)
		w.ended, w.logged = 0, now
	}
	if w.trouble != nil {
		pod.Error("cannot keep the memory of the proxy's sockets below its limit: the kernel may end the proxy", "error", w.trouble)
		w.trouble, w.logged = nil, now
	}
}

// relieve ends connections until there is room.
func (k *Keeper) relieve(w *watch) error {
	usage, err := w.group.Usage()
	if err != nil {
		return err
	}
	room := usage.Room()
	if usage.Sockets <= room {
		return nil
	}
	ns, err := k.open(w.target)
	if err != nil {
		return err
	}
	defer ns.Close()
	began, had := time.Now(), processor()
	defer func() { w.listed(began, time.Now(), processor()-had) }()
	all, err := sockets.HeldBy(ns, w.target.Proxy.CgroupInode)
	if err != nil {
		return err
	}
	held := make([]int64, len(all))
	for i, h := range all {
		held[i] = h.Bytes
	}
	var ending []sockets.Held
	for _, i := range proxymemory.Ending(held, room) {
		ending = append(ending, all[i])
	}
	ended, err := sockets.Reset(ns, ending)
	w.ended += ended
	// What a peer resets leaves the list, and keeps what it has received until the proxy closes it.
	drained := sockets.Drain(sockets.Owner{PID: w.target.Proxy.PID, Cgroup: w.target.Proxy.Cgroup})
	if errors.Is(drained, sockets.ErrGone) {
		drained = nil // and with it what it held
	}
	return errors.Join(err, drained)
}

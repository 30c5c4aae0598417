package facts

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// GuestLogs keep a transparency log for each guest, beside that of the node: what its pods asked for and were asked for, one fact each, made of the
// lines in the record of requests. The record is read up to where the disk has it, so no fact is of a line that a crash takes back. A nil
// GuestLogs keeps none.
type GuestLogs struct {
	emitter *Emitter
	record  string // folder of the record of requests

	mu    sync.Mutex
	until map[string]fact.Place // by folder in the record: up to where the disk has it

	logs      map[string]*guestLog // by the same; only run uses it
	rotations chan rotation
}

const (
	joinEvery = time.Second
	// joinedLines is how many lines of the record become facts in each interval: what guests' pods log takes no more of the processor.
	joinedLines = 8000
	// joinedPart is how much of a record is read at once, in bytes.
	joinedPart = 256 << 10
)

// Guests returns the logs of guests, whose requests are in the record in a folder. Run keeps them.
func (e *Emitter) Guests(record string) *GuestLogs {
	if e == nil || record == "" {
		return nil
	}
	e.guests = &GuestLogs{emitter: e, record: record, until: map[string]fact.Place{}, logs: map[string]*guestLog{}, rotations: make(chan rotation)}
	return e.guests
}

// guestFolder returns the folder of a guest's log, by the folder of the node's and the one of the guest in the record.
func guestFolder(facts, guest string) string { return filepath.Join(facts+".guests", guest) }

// Synced takes up to where the disk has the record in a folder. It does not wait.
func (g *GuestLogs) Synced(folder string, to fact.Place) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until[folder] = to
}

// run keeps the logs until the context ends.
func (g *GuestLogs) run(ctx context.Context) {
	if g == nil {
		return
	}
	join, sign, count := time.NewTicker(joinEvery), time.NewTicker(signEvery), time.NewTicker(countEvery)
	defer join.Stop()
	defer sign.Stop()
	defer count.Stop()
	for {
		select {
		case <-ctx.Done():
			g.each((*guestLog).mark)
			g.each((*guestLog).close)
			return
		case <-join.C:
			g.join(ctx)
		case r := <-g.rotations:
			r.rotate(g.opened())
		case <-sign.C:
			g.each((*guestLog).sign)
		case <-count.C:
			g.each((*guestLog).mark)
		}
	}
}

func (g *GuestLogs) each(do func(*guestLog) error) {
	for folder, l := range g.logs {
		if err := do(l); err != nil {
			g.complain(folder, err)
		}
	}
}

// join makes facts of what was added to the records, in parts: a guest whose pods log much keeps no other guest's from being made.
func (g *GuestLogs) join(ctx context.Context) {
	g.mu.Lock()
	waiting := maps.Clone(g.until)
	g.mu.Unlock()
	for left := joinedLines; left > 0 && len(waiting) > 0 && ctx.Err() == nil; {
		for _, folder := range slices.Sorted(maps.Keys(waiting)) {
			l, err := g.open(ctx, folder)
			done, more := 0, false
			if err == nil {
				done, more, err = l.advance(ctx, waiting[folder])
			}
			if err != nil {
				g.complain(folder, err)
			}
			if left -= done; !more {
				delete(waiting, folder)
			}
		}
	}
}

// open returns the log of a folder of the record.
func (g *GuestLogs) open(ctx context.Context, folder string) (*guestLog, error) {
	if l := g.logs[folder]; l != nil {
		return l, nil
	}
	if !g.emitter.ready(ctx) {
		return nil, ctx.Err()
	}
	o := g.emitter.Options
	o.Node += "/" + folder
	opened, damage, err := factlog.OpenOrReplace(guestFolder(g.emitter.Folder, folder), o)
	if damage != nil {
		g.emitter.Log.Error("the log of a guest's requests cannot be continued, and a new one begins; the old one is kept beside it", "guest", folder, "error", damage)
	}
	if err != nil {
		return nil, err
	}
	l := newGuestLog(g, folder, opened)
	if err := l.restore(); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	g.logs[folder] = l
	return l, nil
}

func (g *GuestLogs) complain(folder string, err error) {
	g.emitter.metrics.failures.Inc()
	g.emitter.complain("the log of a guest's requests is not complete; the record of requests is joined later", errors.Join(errors.New(folder), err))
}

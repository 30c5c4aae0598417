package apiproxy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"data-space.liqo.io/pkg/decisions/window"
)

// Bounds of watches of all namespaces: each has one watch at the API server for each namespace.
const (
	streamsPerGuest = 1000
	streamsOfAll    = 3000
	atATime         = 8
	lastWait        = 64 * time.Second // until a namespace is not asked any more whether the caller may watch there now
	mostEvent       = 256 << 10        // of a bookmark or an error, which are held
)

// ended is the end of a stream that the API server has ended.
const ended ending = "a watch has ended"

// merged puts the watches of namespaces together. Events of objects are copied as they come, without being held.
type merged struct {
	*merging
	guest string

	mu       sync.Mutex // is held while one event is written
	out      io.Writer
	ended    bool // no event is written any more
	progress mergedProgress
}

// watch returns the stream of all events; nil: the caller may not watch in any of the namespaces. Namespaces that join the guest join the stream.
// When one leaves, or a watch of one ends, the stream ends.
func (m *merging) watch(ctx context.Context) (*io.PipeReader, error) {
	guest := strings.Join(m.planned.ids, ",")
	if !m.streams.take(guest, len(m.spaces)) {
		return nil, apierrors.NewTooManyRequests("the guest has too many watches of all namespaces; watch fewer kinds, or single namespaces", 10)
	}
	taken := len(m.spaces)
	ctx, cancel := context.WithCancel(ctx)
	bodies, err := m.openAll(ctx)
	if err == nil && len(bodies) > 0 && !m.with(slices.Sorted(maps.Keys(bodies))) {
		err = window.ExpiredError{}
	}
	if len(bodies) == 0 || err != nil {
		cancel()
		m.streams.give(guest, taken)
		return nil, err
	}
	reader, writer := io.Pipe()
	w := &merged{merging: m, guest: guest, out: writer, progress: newMergedProgress(bodies)}
	go func() {
		err := w.run(ctx, cancel, bodies, &taken)
		m.streams.give(guest, taken)
		writer.CloseWithError(w.end(ctx, err))
	}()
	return reader, nil
}

// openAll opens the watches of the namespaces in which the caller may watch.
func (m *merging) openAll(ctx context.Context) (map[string]io.ReadCloser, error) {
	bodies := make([]io.ReadCloser, len(m.spaces))
	var group errgroup.Group
	group.SetLimit(atATime)
	for i, space := range m.spaces {
		group.Go(func() (err error) {
			bodies[i], err = m.ask(ctx, space, m.query)
			return err
		})
	}
	err := group.Wait()
	open := map[string]io.ReadCloser{}
	for i, body := range bodies {
		if body != nil {
			open[m.spaces[i]] = body
		}
	}
	if err != nil {
		for _, body := range open {
			_ = body.Close() // its request ends with ctx
		}
		return nil, err
	}
	return open, nil
}

// run copies until one of the watches ends, or a namespace leaves.
func (w *merged) run(ctx context.Context, cancel func(), bodies map[string]io.ReadCloser, taken *int) error {
	group, ctx := errgroup.WithContext(ctx)
	context.AfterFunc(ctx, func() { // between two events
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended = true
		cancel()
	})
	for space, body := range bodies {
		group.Go(func() error { return w.copy(space, body) })
	}
	var refused []string
	for _, space := range w.spaces {
		if bodies[space] == nil {
			refused = append(refused, space)
		}
	}
	group.Go(func() error { return w.follow(ctx, group, refused, taken) })
	return group.Wait()
}

// follow has namespaces join that become the guest's, and ends when one leaves, or the caller is not the guest's any more.
func (w *merged) follow(ctx context.Context, group *errgroup.Group, waiting []string, taken *int) error {
	known := slices.Clone(w.spaces)
	for {
		for _, space := range waiting {
			group.Go(func() error { return w.join(ctx, space) })
		}
		moved := w.guests.movedOf(w.planned.ids)
		now := w.guests.namespacesOf(w.planned.ids)
		if !w.planned.stillGuests() || slices.ContainsFunc(known, func(space string) bool { return !slices.Contains(now, space) }) {
			return changed
		}
		waiting = slices.DeleteFunc(slices.Clone(now), func(space string) bool { return slices.Contains(known, space) })
		if !w.streams.take(w.guest, len(waiting)) {
			return changed // it lists and watches again, and is refused then
		}
		*taken += len(waiting)
		known = append(known, waiting...)
		if len(waiting) > 0 {
			continue
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// join watches a namespace from the beginning, as soon as the caller may: rights in it come after it.
func (w *merged) join(ctx context.Context, space string) error {
	for wait := time.Second; wait <= lastWait; wait *= 2 {
		body, err := w.ask(ctx, space, window.WatchJoined(w.query))
		if err != nil {
			return err
		}
		if body != nil {
			w.mu.Lock()
			w.progress.join(space)
			w.mu.Unlock()
			return w.copy(space, body)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// copy copies the events of one namespace.
func (w *merged) copy(space string, body io.ReadCloser) error {
	defer body.Close()
	for in := bufio.NewReaderSize(body, 4<<10); ; {
		head, err := in.Peek(len(`{"type":"BOOKMARK"`))
		switch text := string(head); {
		case len(head) == 0 && errors.Is(err, io.EOF):
			return ended
		case err != nil:
			return noEnd(err)
		case text == `{"type":"BOOKMARK"` || strings.HasPrefix(text, `{"type":"ERROR"`):
			err = w.special(space, in)
		case strings.HasPrefix(text, `{"type":"ADDED"`) || strings.HasPrefix(text, `{"type":"MODIFIED"`) || strings.HasPrefix(text, `{"type":"DELETED"`):
			err = w.event(in)
		default:
			return fmt.Errorf("the API server's answer has an event %q, which is not read here", text)
		}
		if err != nil {
			return err
		}
	}
}

// event copies one event of an object, which is one line.
func (w *merged) event(in *bufio.Reader) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return ended
	}
	for {
		part, err := in.ReadSlice('\n')
		if _, writing := w.out.Write(part); writing != nil {
			return writing
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return noEnd(err)
		}
	}
}

// special takes in a bookmark, or an error, which ends all.
func (w *merged) special(space string, in *bufio.Reader) error {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) || len(line) > mostEvent {
			return noEnd(err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return ended
	}
	if strings.HasPrefix(string(line), `{"type":"ERROR"`) {
		_, err := w.out.Write(line)
		return errors.Join(err, ended)
	}
	bookmark, err := w.progress.note(space, line)
	if err != nil || bookmark == nil {
		return err
	}
	_, err = w.out.Write(bookmark)
	return err
}

// end ends the answer as the API server ends one, unless a stream was broken within an event.
func (w *merged) end(ctx context.Context, err error) error {
	var why ending
	switch {
	case errors.As(err, &why) && why == changed, endedHere(ctx) == changed:
		text, err := json.Marshal(event{Type: "ERROR", Object: statusDocument(statusOf(apierrors.NewResourceExpired(string(changed))))})
		if err == nil {
			_, err = w.out.Write(append(text, '\n'))
		}
		return err
	case why == ended, endedHere(ctx) != "":
		return nil //nolint:nilerr // The stream ends between two events.
	}
	return err
}

package netevents

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// Watcher listens in any number of network namespaces with one goroutine, and two sockets in each. It reads no message: its callers read the
// namespace itself, so neither the content of a message nor the number that the kernel dropped (ENOBUFS) matters. It is safe for concurrent use.
// The zero value listens nowhere.
type Watcher struct {
	mu     sync.Mutex
	epoll  int // opened with the first namespace
	opened bool
	spaces map[string]*space
	of     map[int32]string // by socket, the key of its namespace
}

// space is one network namespace.
type space struct {
	inode   uint64
	sockets []int
	left    float64 // reports that may be made at once
	counted time.Time
	silent  bool // its sockets are not listened to until there is a report left
}

// Watch listens in a network namespace from now on. Its sockets keep the namespace alive until Forget. It never listens in the node's own.
func (w *Watcher) Watch(key string, ns *netns.Namespace) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, known := w.spaces[key]; known && s.inode == ns.Inode() {
		return nil
	}
	w.forget(key)
	if err := ns.CheckNotHost(); err != nil {
		return err
	}
	if err := w.open(); err != nil {
		return err
	}
	s := &space{inode: ns.Inode(), left: burst, counted: time.Now()}
	err := ns.Do(func() error { return s.listen() })
	for _, fd := range s.sockets {
		if err == nil {
			err = w.await(unix.EPOLL_CTL_ADD, fd)
		}
	}
	if err != nil {
		s.close()
		return fmt.Errorf("listen for changes of the rules and links: %w", err)
	}
	w.spaces[key] = s
	for _, fd := range s.sockets {
		w.of[int32(fd)] = key //nolint:gosec // a file descriptor
	}
	return nil
}

// Forget listens no longer in a namespace.
func (w *Watcher) Forget(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(key)
}

func (w *Watcher) forget(key string) {
	s, known := w.spaces[key]
	if !known {
		return
	}
	for _, fd := range s.sockets {
		delete(w.of, int32(fd)) //nolint:gosec // a file descriptor
	}
	delete(w.spaces, key)
	s.close() // which also takes them out of epoll
}

// open makes the epoll instance. The caller holds the lock.
func (w *Watcher) open() error {
	if w.opened {
		return nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	w.epoll, w.opened, w.spaces, w.of = fd, true, map[string]*space{}, map[int32]string{}
	return nil
}

func (w *Watcher) await(operation, fd int) error {
	return unix.EpollCtl(w.epoll, operation, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(fd)}) //nolint:gosec // a file descriptor
}

// tick is how often Run sees that the context has ended, and that a namespace may be listened to again.
const tick = 250 * time.Millisecond

// Run calls changed with a namespace's key after changes there, until the context ends. It calls at once, and for each namespace at most once a
// second in the long run. changed must not wait.
func (w *Watcher) Run(ctx context.Context, changed func(key string)) error {
	w.mu.Lock()
	err := w.open()
	w.mu.Unlock()
	if err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 32)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(w.epoll, events, int(tick/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, key := range w.due(events[:max(n, 0)], time.Now()) {
			changed(key)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range w.spaces {
		w.forget(key)
	}
	return nil
}

// due returns the namespaces that are to be reported now. One without a report left is listened to again when it has one, and then reported.
func (w *Watcher) due(events []unix.EpollEvent, now time.Time) (keys []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		key, known := w.of[e.Fd]
		if !known {
			continue // forgotten meanwhile
		}
		discard(int(e.Fd))
		w.spaces[key].silent = true
	}
	for key, s := range w.spaces {
		if s.silent && s.take(now) {
			s.silent = false
			for _, fd := range s.sockets {
				_ = w.await(unix.EPOLL_CTL_MOD, fd) // before the report: what comes after it is another event
			}
			keys = append(keys, key)
		}
	}
	return keys
}

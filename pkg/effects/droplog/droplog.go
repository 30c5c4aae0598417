package droplog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

const (
	// every is how often each network namespace is read. The kernel keeps what is logged meanwhile, and drops what finds no room.
	every = time.Second
	// most is how many messages of the kernel are read of a namespace each time.
	most = 16
)

// Log reads one NFLOG group in any number of network namespaces, with one socket in each. What it reads in a second is bounded for each namespace.
// It is safe for concurrent use. Make it with New.
type Log struct {
	group uint16

	mu      sync.Mutex
	sockets map[string]socket
}

// socket is the one of a network namespace.
type socket struct {
	inode uint64
	fd    int
}

// Packet is the beginning of a packet, with the prefix of the rule that logged it.
type Packet struct {
	Prefix string
	IPv6   bool   // the kernel sent or received it as IPv6, otherwise as IPv4; the version in its header does not count
	Bytes  []byte // valid until the call ends that got it
}

// New returns a Log of a group.
func New(group uint16) *Log { return &Log{group: group, sockets: map[string]socket{}} }

// Watch listens in a network namespace from now on. Its socket keeps the namespace alive until Forget. It never listens in the node's own.
func (l *Log) Watch(key string, ns *netns.Namespace) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s, known := l.sockets[key]; known && s.inode == ns.Inode() {
		return nil
	}
	l.forget(key)
	if err := ns.CheckNotHost(); err != nil {
		return err
	}
	s := socket{inode: ns.Inode()}
	err := ns.Do(func() (err error) {
		s.fd, err = open(l.group)
		return err
	})
	if err != nil {
		return fmt.Errorf("listen to NFLOG group %d: %w", l.group, err)
	}
	l.sockets[key] = s
	return nil
}

// Forget listens no longer in a namespace.
func (l *Log) Forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(key)
}

func (l *Log) forget(key string) {
	if s, known := l.sockets[key]; known {
		_ = unix.Close(s.fd) // nothing was written
		delete(l.sockets, key)
	}
}

// Run calls each with packets that were logged, once a second, and with an empty key after all of them, until the context ends.
func (l *Log) Run(ctx context.Context, each func(key string, p Packet)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	buffer := make([]byte, readSize)
	for {
		select {
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			for key := range l.sockets {
				l.forget(key)
			}
			return
		case <-tick.C:
		}
		for _, key := range l.keys() {
			l.read(key, buffer, each)
		}
		each("", Packet{})
	}
}

func (l *Log) keys() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.sockets))
}

// read reads what is there of one namespace. The lock is held so that the socket is not closed meanwhile.
func (l *Log) read(key string, buffer []byte, each func(string, Packet)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, known := l.sockets[key]
	for range most {
		if !known {
			return
		}
		n, from, err := unix.Recvfrom(s.fd, buffer, unix.MSG_DONTWAIT)
		switch {
		case err == unix.ENOBUFS: // it had no room for earlier ones
			continue
		case err != nil:
			return
		}
		if kernel, is := from.(*unix.SockaddrNetlink); is && kernel.Pid == 0 {
			parse(buffer[:n], func(p Packet) { each(key, p) })
		}
	}
}

package main

import (
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"data-space.liqo.io/pkg/decisions/follow"
)

// connection is one that Envoy passes on.
type connection struct {
	follow.Passing
	filter  unsafe.Pointer // Envoy's, until the connection is closed
	socket  int            // of the client, until its destination is reached; then none
	carries string         // what Envoy's access log knows of it
	stopped bool           // what its bytes showed could not be written: none go on any more
}

// follower is all that the module has. Envoy has one worker, so its functions are called one after the other; the module's own threads are the reason
// for the mutex.
type follower struct {
	mutex sync.Mutex
	out   output
	open  map[*connection]struct{}
	heap  heap
	// accepted is the socket of the connection that Envoy accepted last.
	accepted int
}

// none is no socket.
const none = -1

// all is one for all connections, since Envoy knows of no state of a module.
//
//nolint:gochecknoglobals // see above
var all = follower{open: map[*connection]struct{}{}, accepted: none}

const (
	// openAge is how long a request is open before it is written again, as Envoy does with connections (package envoy, logInterval).
	openAge  = 10 * time.Minute
	openLook = time.Minute
)

// pass reads bytes of a side before they go on, the client's last ones with the end of its side. It returns false if what they show could not be
// written: then they do not go on.
func (f *follower) pass(c *connection, side follow.Side, pieces [][]byte, last bool) bool {
	now := time.Now().UnixMicro()
	if f.heap.full(now) {
		for of := range f.open {
			f.relieve(of, now)
		}
	}
	lines := c.Pass(now, side, pieces...)
	if last {
		lines = lines.With(c.End(now))
	}
	c.describe()
	return lines.None() || f.out.write(lines, f.late)
}

// describe has the access log know what the connection carries.
func (c *connection) describe() {
	if c.Carries == c.carries {
		return
	}
	if c.Name != "" {
		describe(c.filter, "sni", c.Name)
	}
	c.carries = c.Carries
	describe(c.filter, "carries", c.carries)
}

// relieve ends the reading of a connection that holds a large part of the memory.
func (f *follower) relieve(c *connection, now int64) {
	if c.Holds() >= f.heap.large {
		f.heap.found = true
		f.out.write(c.Stop(now, follow.ReasonMemory), f.late)
		c.describe()
	}
}

// ended writes how what has not ended ends, and has the access log know what the connection has carried.
func (f *follower) ended(c *connection) {
	lines := c.Close(time.Now().UnixMicro())
	c.describe()
	if !lines.None() {
		f.out.write(lines, f.late)
	}
}

func (f *follower) close(c *connection) {
	delete(f.open, c)
	if lines := c.Close(time.Now().UnixMicro()); !lines.None() {
		f.out.write(lines, f.late)
	}
}

// late writes what waits.
func (f *follower) late() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.out.late()
}

// again writes lines about the requests that stay open: what was written when they began may be out of the record.
func (f *follower) again() {
	written := map[*connection]time.Time{}
	for now := range time.Tick(openLook) {
		f.mutex.Lock()
		for c := range written {
			if _, open := f.open[c]; !open {
				delete(written, c)
			}
		}
		for c := range f.open {
			if now.Sub(written[c]) < openAge {
				continue
			}
			if lines := c.Open(now.UnixMicro(), openAge.Microseconds()); !lines.None() {
				written[c] = now
				logged(lines.Begins)
			}
		}
		f.mutex.Unlock()
	}
}

// join is net.JoinHostPort; package net would bring the C library's resolver along.
func join(host string, port uint32) string {
	if strings.IndexByte(host, ':') >= 0 {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.FormatUint(uint64(port), 10)
}

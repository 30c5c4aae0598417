package main

import (
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"data-space.liqo.io/pkg/decisions/follow"
)

// connection is one that Envoy passes on. Envoy has one worker, so its functions are called one after the other.
type connection struct {
	about  follow.About
	follow follow.Connection
	unread [2]bool
}

// pass reads bytes of a side before they go on. It returns false if what they show could not be written: then they do not go on.
func (c *connection) pass(side follow.Side, pieces [][]byte) bool {
	return c.write(func() (events []follow.Event) {
		for _, piece := range pieces {
			if side == follow.Requests {
				events = append(events, c.follow.Sent(piece)...)
			} else {
				events = append(events, c.follow.Answered(piece)...)
			}
		}
		return events
	})
}

func (c *connection) close() { c.write(c.follow.Closed) }

// write writes the lines of what read returns.
func (c *connection) write(read func() []follow.Event) bool {
	c.follow.Now = time.Now().UnixMicro()
	var lines, ends []byte
	for _, e := range c.read(read) {
		switch e.Kind {
		case follow.Ended:
			ends = c.about.AppendLine(ends, e)
			continue
		case follow.Unread:
			c.unread[e.Side] = true
		case follow.Began, follow.Named:
		}
		lines = c.about.AppendLine(lines, e)
	}
	if lines == nil && ends == nil {
		return true
	}
	return out.write(lines, ends)
}

// read survives a defect of the reader: the connection counts as unread from there on.
func (c *connection) read(read func() []follow.Event) (events []follow.Event) {
	defer func() {
		if recover() != nil {
			c.follow = follow.Connection{}
			events = append(events,
				follow.Event{Kind: follow.Unread, Side: follow.Requests, Reason: "a defect of the reader", Stamp: time.Now().UnixMicro()},
				follow.Event{Kind: follow.Unread, Side: follow.Answers, Reason: "a defect of the reader", Stamp: time.Now().UnixMicro()})
		}
	}()
	return read()
}

func join(host string, port uint32) string {
	return net.JoinHostPort(host, strconv.FormatUint(uint64(port), 10))
}

// output is the proxy's stderr. What begins is written at once; how something ended goes with the next line, or is written a little later.
type output struct {
	mutex   sync.Mutex
	waiting []byte
	timer   *time.Timer
}

// out is one for all connections, since Envoy knows of no state of a module.
//
//nolint:gochecknoglobals // see above
var out output

const (
	endsWait = 250 * time.Millisecond
	endsMost = 32 << 10
	stderr   = 2 // its mode is Envoy's to set
)

func (o *output) write(lines, ends []byte) bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.waiting = append(o.waiting, ends...)
	if lines == nil && len(o.waiting) < endsMost {
		if o.timer == nil {
			o.timer = time.AfterFunc(endsWait, o.flush)
		}
		return true
	}
	ok := writeAll(append(o.waiting, lines...))
	o.waiting = o.waiting[:0]
	return ok
}

func (o *output) flush() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.timer = nil
	_ = writeAll(o.waiting)
	o.waiting = o.waiting[:0]
}

// writeAll waits until the kernel has all of it.
func writeAll(text []byte) bool {
	for len(text) > 0 {
		n, err := syscall.Write(stderr, text)
		switch err {
		case nil:
			text = text[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			time.Sleep(time.Millisecond)
		default:
			return false
		}
	}
	return true
}

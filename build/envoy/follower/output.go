package main

/*
#include "abi.h"
*/
import "C"

import (
	"bytes"
	"syscall"
	"time"
	"unsafe"

	"data-space.liqo.io/pkg/decisions/follow"
)

// output is the proxy's stderr. What begins is written at once; how something ended goes with the next line, or is written a little later.
//
// Envoy's own log writes there as well, from several threads, under a lock of its own. So that no line gets into another one, what is
// written here directly is at most what the kernel takes in one piece, and it is Envoy's thread of the connection that writes it, which writes
// nothing else meanwhile. All else goes through Envoy's log: longer lines, and what a thread of the module's own writes.
type output struct {
	waiting []byte // ends
	timer   *time.Timer
}

const (
	endsWait = 250 * time.Millisecond
	endsMost = 32 << 10
	pipeMost = 4096 // PIPE_BUF
	stderr   = 2    // its mode is Envoy's to set
)

// write is for Envoy's thread of the connection.
func (o *output) write(l follow.Lines, late func()) bool {
	o.waiting = append(o.waiting, l.Ends...)
	if len(l.Begins) == 0 && len(o.waiting) < endsMost {
		if o.timer == nil && len(o.waiting) > 0 {
			o.timer = time.AfterFunc(endsWait, late)
		}
		return true
	}
	ok := direct(append(o.waiting, l.Begins...))
	o.waiting = o.waiting[:0]
	return ok
}

// late writes the ends that no other line has taken along. It is for the timer.
func (o *output) late() {
	o.timer = nil
	logged(o.waiting)
	o.waiting = o.waiting[:0]
}

func direct(lines []byte) bool {
	for piece := range follow.Writes(lines, pipeMost) {
		if len(piece) > pipeMost {
			logged(piece)
		} else if !writeAll(piece) {
			return false
		}
	}
	return true
}

func logged(lines []byte) {
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		C.log_line((*C.char)(unsafe.Pointer(&line[0])), C.size_t(len(line)))
	}
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

package follow

import (
	"cmp"
	"maps"
	"slices"
)

// stream is a request that waits for its answer.
type stream struct {
	number                uint64
	stamp                 int64
	status                int
	received, sent, inner int64 // inner: of an upgraded request, what it sent before
	target
}

// upgradedFrom makes a request of HTTP/1 the first stream (RFC 7540, 3.2).
func (t *two) upgradedFrom(e exchange) {
	t.streams[1] = &stream{number: e.number, stamp: e.stamp, inner: e.bytes, target: e.target}
	t.last[Requests] = 1
}

// accompanies reports whether a connection has as many frames of this kind as it has frames with bodies.
func (f *frames) accompanies() bool {
	return f.kind == framePriority || f.kind == frameReset || f.kind == frameWindow
}

// countBeside counts bytes of the frame's payload that are in no body.
func (t *two) countBeside(of *side, f *frames, n int64) {
	switch {
	case f.kind == frameData && t.streams[f.stream] != nil:
	case f.accompanies():
		of.framing += n
	default:
		of.beside += n
	}
}

// count adds bytes of a body.
func (t *two) count(s Side, id uint32, n int) {
	if of := t.streams[id]; of != nil {
		if s == Requests {
			of.sent += int64(n)
		} else {
			of.received += int64(n)
		}
	}
}

// headers takes a whole header block: of a request, an answer, trailers, or a promise.
func (t *two) headers(c *Connection, s Side, b *block) (reason string) {
	switch {
	case b.push:
		t.begin(c, Answers, b.promised, b)
	case s == Requests && (b.stream > t.last[Requests] || b.method != ""): // trailers have no method
		if b.method == "" {
			return ReasonHeaderBlock
		}
		t.begin(c, Requests, b.stream, b)
	case s == Answers:
		if b.stream > t.last[(b.stream+1)%2] {
			return ReasonUnknownStream
		}
		of := t.streams[b.stream]
		if of != nil && b.status >= 200 {
			of.status = b.status
		}
		if b.ends {
			t.end(c, b.stream)
		}
	}
	return ""
}

func (t *two) begin(c *Connection, s Side, id uint32, b *block) {
	t.last[s] = max(t.last[s], id)
	number, stamp := c.number()
	if len(t.streams) < maxStreams && !c.answers.unread {
		t.streams[id] = &stream{number: number, stamp: stamp, target: target{b.method, b.authority, b.path, b.cut}}
	}
	c.report(Event{
		Kind: Began, Exchange: number, Stamp: stamp, Protocol: protocolHTTP2, Method: b.method, Authority: b.authority, Path: b.path, Cut: b.cut,
	})
}

func (t *two) end(c *Connection, id uint32) {
	of := t.streams[id]
	if of == nil {
		return
	}
	delete(t.streams, id)
	c.report(Event{
		Kind: Ended, Exchange: of.number, Stamp: of.stamp, Protocol: protocolHTTP2, Status: of.status, RequestBytes: of.inner + of.sent, AnswerBytes: of.received,
	})
}

// endAll ends each request whose answer will not be read, in their order.
func (t *two) endAll(c *Connection) {
	for _, id := range t.inOrder() {
		t.end(c, id)
	}
}

// inOrder returns the streams of the requests that wait, in their order.
func (t *two) inOrder() []uint32 {
	return slices.SortedFunc(maps.Keys(t.streams), func(a, b uint32) int { return cmp.Compare(t.streams[a].number, t.streams[b].number) })
}

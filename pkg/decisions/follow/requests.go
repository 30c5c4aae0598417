package follow

import (
	"bytes"

	"data-space.liqo.io/pkg/values/httptext"
)

const (
	prefixHTTP1 = "HTTP/1."
	// prefaceLine is the first line of HTTP/2 (RFC 9113, 3.4), and prefaceRest what follows it.
	prefaceLine = "PRI * HTTP/2.0"
	prefaceRest = "\r\nSM\r\n\r\n"
)

// readRequests reads one step of the client's side in HTTP/1.
func (c *Connection) readRequests(data []byte) (rest []byte) {
	r := &c.requests
	if r.state != atStart && r.state != inFields {
		return c.readRequestBody(data)
	}
	t, rest, whole, reason := r.readLine(data)
	switch {
	case reason != "":
		return c.notARequest(t, reason)
	case !whole:
		return nil
	case r.state == inFields:
		return c.readField(t, rest)
	default:
		return c.readRequestLine(t, rest)
	}
}

// readRequestBody reads one step of a body. One that begins like a request is unread: a server that does not read bodies takes it for one.
func (c *Connection) readRequestBody(data []byte) (rest []byte) {
	r := &c.requests
	asks := (r.state == inBody || r.state == inChunk) && r.inside.Read(data[:min(r.left, int64(len(data)))])
	done, reason := false, ""
	if r.state == inBody {
		rest = r.skip(data)
		done = r.left == 0
	} else {
		rest, done, reason = r.readChunked(data)
	}
	if asks || done && r.inside.End() {
		reason = ReasonInside
	}
	if reason != "" {
		c.unread(Requests, reason)
		return nil
	}
	if done {
		c.endRequest()
	}
	return rest
}

func (c *Connection) readRequestLine(t text, rest []byte) []byte {
	if !c.known && string(t.line) == prefaceLine {
		c.requests.next()
		c.two = newTwo(prefaceRest)
		c.chosen()
		return rest
	}
	c.chosen()
	if t.size == 0 {
		return rest // an empty line before a request has no meaning (RFC 9112, 2.2)
	}
	r := &c.requests
	head, reason := requestLine(t)
	if reason != "" {
		return c.notARequest(t, reason)
	}
	r.head, r.state = head, inFields
	return rest
}

// requestLine takes a line apart.
func requestLine(t text) (head, string) {
	first := bytes.IndexByte(t.line, ' ')
	if first < 1 || !httptext.Token(t.line[:first]) {
		return head{}, ReasonNotHTTP
	}
	if t.spaces == 1 && string(t.line[:first]) == "GET" {
		return head{}, ReasonOldVersion
	}
	end, target := t.line, t.line[first+1:]
	if !t.whole() {
		end = t.tail
	}
	last := bytes.LastIndexByte(end, ' ')
	if t.spaces != 2 || last < 0 {
		return head{}, ReasonNotHTTP
	}
	version := end[last+1:]
	if t.whole() {
		target = t.line[first+1 : last]
	}
	if len(target) == 0 || bytes.IndexByte(target, '\t') >= 0 || !isHTTP1(version) {
		return head{}, ReasonNotHTTP
	}
	h := head{version: string(version)}
	var long bool
	h.method, long = cut(t.line[:first], maxMethod)
	h.path, h.cut = cut(target, maxPath)
	h.cut = h.cut || long
	return h, ""
}

func isHTTP1(version []byte) bool {
	return string(version) == prefixHTTP1+"1" || string(version) == prefixHTTP1+"0"
}

// beginning returns the method and the target of what looks like the first line of a request.
func beginning(line []byte) (method, path string, ok bool) {
	first, target, found := bytes.Cut(line, []byte{' '})
	target, _, _ = bytes.Cut(target, []byte{' '})
	ok = found && httptext.Token(first) && (bytes.HasPrefix(target, []byte("/")) || bytes.Contains(target, []byte("://")))
	if !ok {
		return "", "", false
	}
	method, _ = cut(first, maxMethod)
	path, _ = cut(target, maxPath)
	return method, path, true
}

// notARequest reports what is known of a request that is not clear. What follows is not read.
func (c *Connection) notARequest(t text, reason string) []byte {
	r := &c.requests
	if r.state == inFields {
		if !r.begun {
			c.beginRequest()
		}
	} else if method, path, ok := beginning(t.line); ok {
		r.head = head{method: method, path: path}
		if reason == ReasonOldVersion {
			r.head.version = ReasonOldVersion
		}
		c.beginRequest()
	} else {
		reason = ReasonNotHTTP
	}
	c.unread(Requests, reason)
	return nil
}

// readField reads one line of a request's header, or its end: an empty line. At the end it is decided how long the body is; where two readers
// could disagree about that, the side is unread from there on.
func (c *Connection) readField(t text, rest []byte) []byte {
	r := &c.requests
	if t.size > 0 {
		if reason := r.fields.read(t); reason != "" {
			return c.notARequest(t, reason)
		}
		return rest
	}
	if !r.begun {
		c.beginRequest()
	}
	f := &r.fields
	switch {
	case f.odd != "":
		c.unread(Requests, f.odd)
	case f.hasCoding && f.hasLength:
		c.unread(Requests, ReasonBoth)
	case f.hasCoding && (!f.chunked || r.head.version == prefixHTTP1+"0"):
		c.unread(Requests, ReasonCoding)
	case r.head.method == "CONNECT" && (f.hasCoding || f.length > 0):
		c.unread(Requests, ReasonConnectBody)
	case f.hasCoding:
		r.state = inSize
	case f.length > 0:
		r.state, r.left = inBody, f.length
	default:
		c.endRequest()
	}
	if r.unread {
		return nil
	}
	r.fields, r.head = fields{}, head{} // not held while the body passes
	return rest
}

// beginRequest reports the request whose first line is read.
func (c *Connection) beginRequest() {
	r := &c.requests
	number, stamp := c.number()
	r.begun = true
	if len(c.waiting) < maxWaiting {
		if !c.answers.unread {
			c.waiting = append(c.waiting, exchange{
				number: number, stamp: stamp, version: r.head.version, head: r.head.method == "HEAD", connect: r.head.method == "CONNECT",
				target: target{r.head.method, r.fields.authority, r.head.path, r.head.cut || r.fields.cut},
			})
		}
	} else {
		c.unread(Answers, ReasonTooManyWait)
	}
	c.report(Event{
		Kind: Began, Exchange: number, Stamp: stamp, Protocol: r.head.version, Method: r.head.method, Authority: r.fields.authority, Path: r.head.path,
		Cut: r.head.cut || r.fields.cut,
	})
}

// endRequest makes ready for the next request.
func (c *Connection) endRequest() {
	if n := len(c.waiting); n > 0 && c.waiting[n-1].number == c.count {
		c.waiting[n-1].bytes = c.requests.bytes
	}
	c.requests.next()
}

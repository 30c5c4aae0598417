package follow

// Connection follows one connection. The zero value is at its beginning.
type Connection struct {
	// Now is the time in microseconds at which the bytes that are read next pass. The caller sets it; without it, stamps are only a count.
	Now int64

	last     int64 // the stamp of the latest request
	events   []Event
	known    bool // the first bytes have shown what the client speaks
	requests side
	answers  side
	count    uint64     // of requests so far
	waiting  []exchange // requests whose answers have not ended, the oldest first
	two      *two       // HTTP/2, once the client has chosen it
	hello    *hello     // TLS, while the client's first message is not whole
	early    []byte     // what the server of HTTP/2 sent before the client
}

// exchange is a request that waits for its answer.
type exchange struct {
	number  uint64
	stamp   int64
	version string
	head    bool // the method is HEAD: its answer has no body
	connect bool // the method is CONNECT: a 2xx answer begins a tunnel
	bytes   int64
	target
}

// target is what a request asked for.
type target struct {
	method, authority, path string
	cut                     bool
}

// requestBytes returns how many bytes of body the request has sent so far.
func (c *Connection) requestBytes(e exchange) int64 {
	if e.number == c.count {
		return max(e.bytes, c.requests.bytes)
	}
	return e.bytes
}

// Sent reads what the client sent. The events are those that have to be recorded before the bytes go on.
func (c *Connection) Sent(data []byte) []Event {
	for len(data) > 0 && !c.requests.unread {
		switch {
		case c.hello != nil:
			c.readHello(data)
			data = nil
		case c.two != nil:
			data = c.two.read(c, Requests, data)
		case !c.known && c.requests.state == atStart && c.requests.lineSize == 0 && data[0] == recordHandshake:
			c.hello = &hello{}
		default:
			data = c.readRequests(data)
		}
	}
	return c.take()
}

// Answered reads what the server sent.
func (c *Connection) Answered(data []byte) []Event {
	if c.hello != nil && len(data) > 0 {
		c.named()
	}
	some := len(data) > 0
	for len(data) > 0 && !c.answers.unread {
		switch {
		case c.two != nil:
			data = c.two.read(c, Answers, data)
		case c.mayBeSettings(data):
			c.early, data = append(c.early, data...), nil
		default:
			data = c.readAnswers(data)
		}
	}
	if some && c.answers.unread {
		c.beforeAnswer() // what is unread may be an answer to what is not whole yet
	}
	return c.take()
}

// Closed returns the end of what still waits.
func (c *Connection) Closed() []Event {
	if !c.answers.unread && c.two == nil && len(c.waiting) > 0 {
		c.endAnswer() // an answer may last until the connection's end
	}
	c.notWhole(ReasonEnded)
	c.endWaiting()
	return c.take()
}

// SentAll reads the end of the client's side. Servers that take it for the end of a request's head act on the request.
func (c *Connection) SentAll() []Event {
	c.notWhole(ReasonEnded)
	return c.take()
}

// beforeAnswer reports the request that is not whole yet, because an answer comes that no other request waits for.
func (c *Connection) beforeAnswer() { c.notWhole(ReasonEarlyAnswer) }

// notWhole reports the request whose head is not whole. The reason is for one whose first line is not.
func (c *Connection) notWhole(reason string) {
	r := &c.requests
	switch {
	case c.two != nil || r.unread:
	case r.state == atStart && r.lineSize > 0:
		c.notARequest(text{line: r.line}, reason)
	case r.state == inFields && !r.begun:
		c.beginRequest()
	}
}

// mayBeSettings reports whether the server began with what may be the settings of HTTP/2, which it need not wait with.
func (c *Connection) mayBeSettings(data []byte) bool {
	return !c.known && c.hello == nil && len(c.early)+len(data) <= maxEarly && (len(c.early) > 0 || data[0] == 0)
}

// chosen reads what came early, now that the client's protocol is known.
func (c *Connection) chosen() {
	c.known = true
	early := c.early
	c.early = nil
	for len(early) > 0 && !c.answers.unread {
		if c.two != nil {
			early = c.two.read(c, Answers, early)
		} else {
			early = c.notAnAnswer(ReasonServerFirst)
		}
	}
}

func (c *Connection) take() []Event {
	events := c.events
	c.events = nil
	return events
}

func (c *Connection) report(e Event) {
	if e.Stamp == 0 {
		e.Stamp = c.Now
	} else if e.Kind == Ended {
		e.Lasted = max(0, c.Now-e.Stamp)
	}
	c.events = append(c.events, e)
}

// number gives the next request its number and its stamp.
func (c *Connection) number() (uint64, int64) {
	c.count++
	c.last = max(c.Now, c.last+1)
	return c.count, c.last
}

// unread ends the reading of a side.
func (c *Connection) unread(s Side, reason string) {
	of := c.side(s)
	if of.unread {
		return
	}
	if s == Requests && len(c.waiting) > 0 && of.begun {
		c.waiting[len(c.waiting)-1].bytes = of.bytes
	}
	*of = side{unread: true}
	if s == Requests {
		c.chosen()
	} else {
		c.endWaiting()
	}
	c.report(Event{Kind: Unread, Side: s, Reason: reason})
	if c.requests.unread && c.answers.unread {
		c.two, c.hello = nil, nil
	}
}

// endWaiting ends each request whose answer will not be read.
func (c *Connection) endWaiting() {
	for _, e := range c.waiting {
		c.report(Event{Kind: Ended, Exchange: e.number, Stamp: e.stamp, Protocol: e.version, RequestBytes: c.requestBytes(e)})
	}
	c.waiting = nil
	if c.two != nil {
		c.two.endAll(c)
	}
}

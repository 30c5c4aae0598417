package follow

// Open returns the requests that began at least so many microseconds before Now, and have not ended.
func (c *Connection) Open(age int64) []Event {
	for _, e := range c.waiting {
		c.open(age, e.number, e.stamp, e.version, e.target)
	}
	if c.two != nil {
		for _, id := range c.two.inOrder() {
			of := c.two.streams[id]
			c.open(age, of.number, of.stamp, protocolHTTP2, of.target)
		}
	}
	return c.take()
}

func (c *Connection) open(age int64, number uint64, stamp int64, protocol string, of target) {
	lasted := c.Now - stamp
	if lasted < age {
		return
	}
	c.report(Event{
		Kind: Open, Exchange: number, Stamp: stamp, Lasted: lasted, Protocol: protocol, Method: of.method, Authority: of.authority, Path: of.path, Cut: of.cut,
	})
}

// Stop ends the reading of both sides. What is known of a request that is not whole is reported before.
func (c *Connection) Stop(reason string) []Event {
	if c.hello != nil {
		c.named()
	}
	c.beforeAnswer()
	c.unread(Requests, reason)
	c.unread(Answers, reason)
	return c.take()
}

// Holds returns about how many bytes of memory the connection takes beyond what one at rest does.
func (c *Connection) Holds() int64 {
	const oneRequest, oneFrame = 128, 256
	n := int64(cap(c.requests.line) + cap(c.answers.line) + cap(c.early) + oneRequest*len(c.waiting))
	for _, e := range c.waiting {
		n += e.size()
	}
	if c.hello != nil {
		n += int64(cap(c.hello.message))
	}
	if c.two != nil {
		for i := range c.two.sides {
			f := &c.two.sides[i]
			n += f.table.holds() + oneFrame
		}
		for _, of := range c.two.streams {
			n += of.size() + oneRequest
		}
	}
	return n
}

func (t target) size() int64 { return int64(len(t.method) + len(t.authority) + len(t.path)) }

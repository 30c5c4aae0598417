package follow

import "bytes"

// readAnswers reads one step of the server's side in HTTP/1.
func (c *Connection) readAnswers(data []byte) (rest []byte) {
	a := &c.answers
	switch a.state {
	case atStart, inFields:
		if len(c.waiting) == 0 {
			c.beforeAnswer()
		}
		if len(c.waiting) == 0 {
			return c.notAnAnswer(ReasonUnasked)
		}
		t, rest, whole, reason := a.readLine(data)
		switch {
		case reason != "" && a.state == atStart:
			return c.notAnAnswer(ReasonStatusLine)
		case reason != "":
			return c.notAnAnswer(reason)
		case !whole:
			return nil
		case a.state == atStart:
			return c.readStatusLine(t, rest)
		case t.size > 0:
			if reason := a.fields.read(t); reason != "" {
				return c.notAnAnswer(reason)
			}
			return rest
		default:
			return c.readAnswerBody(rest)
		}
	case inBody:
		if rest = a.skip(data); a.left == 0 {
			c.endAnswer()
		}
		return rest
	case untilClose:
		a.bytes += int64(len(data))
		return nil
	default:
		rest, done, reason := a.readChunked(data)
		if reason != "" {
			return c.notAnAnswer(reason)
		}
		if done {
			c.endAnswer()
		}
		return rest
	}
}

func (c *Connection) readStatusLine(t text, rest []byte) []byte {
	a := &c.answers
	const digits = 3
	version, status, found := bytes.Cut(t.line, []byte{' '})
	if !found || !isHTTP1(version) || len(status) < digits || len(status) > digits && status[digits] != ' ' {
		return c.notAnAnswer(ReasonStatusLine)
	}
	for _, b := range status[:digits] {
		if b < '0' || b > '9' {
			return c.notAnAnswer(ReasonStatusLine)
		}
		a.head.status = a.head.status*10 + int(b-'0')
	}
	if a.head.status < 100 {
		return c.notAnAnswer(ReasonStatusLine)
	}
	a.state, a.head.version = inFields, string(version)
	return rest
}

// readAnswerBody decides how long the body is (RFC 9112, 6.3).
func (c *Connection) readAnswerBody(rest []byte) []byte {
	a, e := &c.answers, c.waiting[0]
	f, status := &a.fields, a.head.status
	const switching, noContent, notModified, ok, redirect = 101, 204, 304, 200, 300
	switch {
	case status == switching:
		return c.upgraded(rest)
	case status < ok: // another answer follows
		a.message = message{headSize: a.headSize}
	case e.connect && status < redirect:
		return c.changed(ReasonTunnel)
	case e.head || status == noContent || status == notModified:
		c.endAnswer()
	case f.hasCoding && f.hasLength:
		return c.notAnAnswer(ReasonBoth)
	case f.hasCoding && a.head.version == prefixHTTP1+"0":
		return c.notAnAnswer(ReasonCoding)
	case f.hasCoding && f.chunked:
		a.state = inSize
	case f.hasCoding:
		a.state = untilClose
	case f.hasLength && f.length == 0:
		c.endAnswer()
	case f.hasLength:
		a.state, a.left = inBody, f.length
	default:
		a.state = untilClose
	}
	return rest
}

// upgraded follows the connection into HTTP/2, or ends the reading.
func (c *Connection) upgraded(rest []byte) []byte {
	r := &c.requests
	if !is([]byte(c.answers.fields.upgrade), "h2c") || len(c.waiting) != 1 || r.unread || r.state != atStart || r.lineSize > 0 {
		return c.changed(ReasonUpgraded)
	}
	c.two = newTwo(prefaceLine + "\r\n" + prefaceRest)
	c.two.upgradedFrom(c.waiting[0])
	c.waiting = nil
	c.answers.next()
	return rest
}

// changed ends the reading of both sides because the connection is no longer HTTP.
func (c *Connection) changed(reason string) []byte {
	c.endAnswer()
	c.unread(Requests, reason)
	c.unread(Answers, reason)
	return nil
}

// notAnAnswer reports what is known of the answer. What follows is not read.
func (c *Connection) notAnAnswer(reason string) []byte {
	if c.answers.head.status != 0 {
		c.endAnswer()
	}
	if c.count == 0 && reason == ReasonUnasked {
		reason = ReasonServerFirst
	}
	c.unread(Answers, reason)
	return nil
}

// endAnswer reports the end of the oldest request that waits, and makes ready for the next answer.
func (c *Connection) endAnswer() {
	e := c.waiting[0]
	c.report(Event{
		Kind: Ended, Exchange: e.number, Stamp: e.stamp, Protocol: e.version, Status: c.answers.head.status,
		RequestBytes: c.requestBytes(e), AnswerBytes: c.answers.bytes,
	})
	c.waiting = append(c.waiting[:0], c.waiting[1:]...)
	c.answers.next()
}

package follow

// Passing is a connection whose bytes pass, and that has each that is to be recorded turned into lines.
type Passing struct {
	About
	// Carries is what the connection carries, as far as it is known: carriesHTTP, carriesTLS, carriesTCP or "".
	Carries string
	// Name is the server name that a TLS client asked for.
	Name string

	read    Connection
	unread  [2]bool
	counted int64 // bytes of both sides that lines of ended requests count
	began   int64 // requests
}

// besideBodies is how many bytes of a side may be beside bodies, for each request and once more, and one part of besidePart of what is in bodies: pings
// of gRPC are as many as messages. Bytes that come with bodies in any connection of HTTP/2 (headers of frames, window updates) may be as many as those.
const (
	besideBodies = 64 << 10
	besidePart   = 4
)

// What a connection carries.
const (
	carriesHTTP = "http" // a server has answered a request, and no byte was unread
	carriesTLS  = "tls"
	carriesTCP  = "tcp" // a side is unread, or has bytes that the lines of its requests do not count
)

// Lines are what is to be written. What is in Begins has to be written before the bytes go on, with all lines before; Ends can wait.
type Lines struct{ Begins, Ends []byte }

// None reports whether there is nothing to write.
func (l Lines) None() bool { return len(l.Begins) == 0 && len(l.Ends) == 0 }

// With returns the lines and then the others.
func (l Lines) With(others Lines) Lines {
	return Lines{append(l.Begins, others.Begins...), append(l.Ends, others.Ends...)}
}

// Done reports whether no byte of a side needs to be passed to Pass any more. What a server answers is of interest while its
// client's side is read: it shows which request is not whole.
func (p *Passing) Done(s Side) bool { return p.unread[s] && (s == Requests || p.unread[Requests]) }

// Pass reads bytes of a side, which came at that time in microseconds.
func (p *Passing) Pass(now int64, s Side, pieces ...[]byte) Lines {
	return p.lines(now, func(c *Connection) (events []Event) {
		for _, piece := range pieces {
			if s == Requests {
				events = append(events, c.Sent(piece)...)
			} else {
				events = append(events, c.Answered(piece)...)
			}
		}
		return events
	})
}

// End reads the end of the client's side.
func (p *Passing) End(now int64) Lines {
	return p.lines(now, func(c *Connection) []Event { return c.SentAll() })
}

// Close ends what has not ended. It may be called again.
func (p *Passing) Close(now int64) Lines {
	lines := p.lines(now, func(c *Connection) []Event { return c.Closed() })
	room := besideBodies*(1+p.began) + p.counted/besidePart
	if beside := max(p.read.requests.besides(), p.read.answers.besides()); beside > room && p.Carries == carriesHTTP {
		p.Carries = carriesTCP
	}
	return lines
}

// Stop ends the reading.
func (p *Passing) Stop(now int64, reason string) Lines {
	return p.lines(now, func(c *Connection) []Event { return c.Stop(reason) })
}

// Open returns lines about the requests that are open for longer than that many microseconds.
func (p *Passing) Open(now, age int64) Lines {
	return p.lines(now, func(c *Connection) []Event { return c.Open(age) })
}

// Holds is Connection.Holds.
func (p *Passing) Holds() int64 { return p.read.Holds() }

// lines survives a defect of the reader: the connection counts as unread from there on.
func (p *Passing) lines(now int64, read func(*Connection) []Event) (lines Lines) {
	defer func() {
		if recover() != nil {
			p.read = Connection{}
			lines = p.add(Lines{}, []Event{{Kind: Unread, Side: Requests, Reason: ReasonDefect, Stamp: now}})
			p.unread[Answers] = true
		}
	}()
	p.read.Now = now
	return p.add(lines, read(&p.read))
}

// add turns events into lines, and notes what they show of the connection. What only confirms what an earlier line says is left out.
func (p *Passing) add(to Lines, events []Event) Lines {
	for _, e := range events {
		switch e.Kind {
		case Ended:
			to.Ends = p.AppendLine(to.Ends, e)
			p.counted += e.RequestBytes + e.AnswerBytes
			if e.Status > 0 && !p.unread[Requests] && !p.unread[Answers] {
				p.Carries = carriesHTTP
			}
			continue
		case Named:
			p.Carries, p.Name = carriesTLS, e.Authority
		case Unread:
			// Nothing is known of the answers to requests that are not read, so a line about them adds nothing.
			second := e.Side == Answers && p.unread[Requests]
			p.unread[e.Side] = true
			if p.Carries == carriesTLS {
				continue
			}
			if p.Carries = carriesTCP; second {
				continue
			}
		case Began:
			p.began++
		case Open:
		}
		to.Begins = p.AppendLine(to.Begins, e)
	}
	return to
}

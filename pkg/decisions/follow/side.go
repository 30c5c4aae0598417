package follow

// side is the state of one direction.
type side struct {
	unread bool
	beside int64 // bytes that are in no body: heads, and what of HTTP/2 belongs to no request
	message
}

// next makes ready for the next message.
func (s *side) next() {
	s.beside += s.headSize
	s.message = message{}
}

// besides returns how many bytes were in no body.
func (s *side) besides() int64 { return s.beside + s.headSize + s.lineSize }

func (c *Connection) side(s Side) *side {
	if s == Answers {
		return &c.answers
	}
	return &c.requests
}

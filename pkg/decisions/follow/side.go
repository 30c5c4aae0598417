package follow

// side is the state of one direction.
type side struct {
	unread  bool
	beside  int64 // bytes that are in no body: heads, and what of HTTP/2 belongs to no request
	framing int64 // bytes of HTTP/2 that come with bodies: headers of frames, and the payloads of some (frames.accompanies)
	message
}

// next makes ready for the next message.
func (s *side) next() {
	s.beside += s.headSize
	s.message = message{}
}

// besides returns how many bytes were in no body. It counts one of besidePart bytes of framing.
func (s *side) besides() int64 { return s.beside + s.headSize + s.lineSize + s.framing/besidePart }

func (c *Connection) side(s Side) *side {
	if s == Answers {
		return &c.answers
	}
	return &c.requests
}

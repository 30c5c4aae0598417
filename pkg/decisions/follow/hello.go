package follow

import "encoding/binary"

const (
	recordHandshake = 22 // TLS (RFC 8446, 5.1)
	recordHeader    = 5
	maxRecord       = 16384
	typeClientHello = 1
	typeServerName  = 0
	handshakeHeader = 4
	// maxHello is how much of a client's first message is remembered until it is whole; longer ones count as without a name.
	maxHello = 16 << 10
)

// hello is a TLS client's first message, which may lie in several records.
type hello struct {
	header  []byte // of the record
	left    int    // bytes of the record that are to come
	message []byte
}

// readHello reads what the client's first message has of data. Behind it, nothing is read.
func (c *Connection) readHello(data []byte) {
	h := c.hello
	for len(data) > 0 {
		if h.left == 0 {
			n := min(recordHeader-len(h.header), len(data))
			h.header, data = append(h.header, data[:n]...), data[n:]
			if len(h.header) < recordHeader {
				return
			}
			h.left = int(binary.BigEndian.Uint16(h.header[3:]))
			if h.header[0] != recordHandshake || h.header[1] != 3 || h.left == 0 || h.left > maxRecord {
				c.hello = nil
				c.unread(Requests, ReasonNotHTTP)
				return
			}
			h.header = nil
		}
		n := min(h.left, len(data))
		h.message, data = append(h.message, data[:n]...), data[n:]
		h.left -= n
		if h.whole() {
			c.named()
			return
		}
	}
}

func (h *hello) whole() bool {
	const lengthAt = 1
	m := h.message
	if len(m) >= maxHello || len(m) > 0 && m[0] != typeClientHello {
		return true
	}
	return len(m) >= handshakeHeader && len(m)-handshakeHeader >= int(uint24(m[lengthAt:]))
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// named reports the TLS connection.
func (c *Connection) named() {
	name, cut := cut(serverName(c.hello.message), maxAuthority)
	c.hello = nil
	c.report(Event{Kind: Named, Authority: name, Cut: cut})
	c.unread(Requests, ReasonTLS)
	c.unread(Answers, ReasonTLS)
}

// serverName returns the name in a client's first message, or nothing.
func serverName(message []byte) []byte {
	const versionAndRandom = 34
	r := cursor{rest: message}
	r.skip(handshakeHeader + versionAndRandom)
	r.skip(r.number(1)) // session
	r.skip(r.number(2)) // ciphers
	r.skip(r.number(1)) // compression
	r.number(2)         // all extensions
	for len(r.rest) > 0 {
		kind := r.number(2)
		extension := cursor{rest: r.take(r.number(2))}
		if kind != typeServerName || r.failed {
			continue
		}
		extension.number(2) // the list
		if extension.number(1) != 0 {
			return nil
		}
		return extension.take(extension.number(2))
	}
	return nil
}

// cursor takes a message apart. Beyond its end there is nothing.
type cursor struct {
	rest   []byte
	failed bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.rest) {
		c.rest, c.failed = nil, true
		return nil
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

func (c *cursor) skip(n int) { c.take(n) }

func (c *cursor) number(size int) (n int) {
	for _, b := range c.take(size) {
		n = n<<8 | int(b)
	}
	return n
}

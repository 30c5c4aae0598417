package eventsocket

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// hijacked hands over a connection.
type hijacked struct {
	http.ResponseWriter
	conn     net.Conn
	buffered *bufio.ReadWriter
}

// Hijack implements http.Hijacker.
func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, h.buffered, nil }

// conn is a connection whose client may send so many bytes, and must read.
type conn struct {
	net.Conn
	left     int
	patience time.Duration // with a client that reads nothing
	write    sync.Mutex
}

// Read implements io.Reader.
func (c *conn) Read(into []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the client has sent too much")
	}
	n, err := c.Conn.Read(into[:min(len(into), c.left)])
	c.left -= n
	return n, err
}

// Write writes a frame. One waits for the other: the answer to a ping does not give more time to an event that is not read.
func (c *conn) Write(frame []byte) (int, error) {
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(frame)
}

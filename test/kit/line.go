package kit

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
)

// Line forwards TCP connections to a server, such as the API server, and can be cut.
type Line struct {
	target string
	count  atomic.Int64 // connections since Join

	mu       sync.Mutex
	address  string // of this end; the same after each Join
	listener net.Listener
	open     map[net.Conn]bool
}

// NewLine returns a joined line to the server of a URL, or to host:port.
func NewLine(server string) (*Line, error) {
	if u, err := url.Parse(server); err == nil && u.Host != "" {
		server = u.Host
	}
	l := &Line{target: server, address: "127.0.0.1:0", open: map[net.Conn]bool{}}
	return l, l.Join()
}

// URL returns the https URL of this end.
func (l *Line) URL() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return "https://" + l.address
}

// Used reports whether a client has connected since Join.
func (l *Line) Used() bool { return l.count.Load() > 0 }

// Join accepts connections, on the same address as before.
func (l *Line) Join() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		return fmt.Errorf("join the line to %s: %w", l.target, err)
	}
	l.count.Store(0)
	l.listener, l.address = listener, listener.Addr().String()
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(near)
		}
	}()
	return nil
}

func (l *Line) carry(near net.Conn) {
	far, err := net.Dial("tcp", l.target)
	if err != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	l.open[near], l.open[far] = true, true
	l.mu.Unlock()
	l.count.Add(1)
	go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
	_, _ = io.Copy(near, far)
	_ = near.Close()
}

// Cut ends all connections and refuses new ones.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.listener.Close()
	for c := range l.open {
		_ = c.Close()
	}
	clear(l.open)
}

//go:build api

package controller

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// line leads to the API server, and can be cut.
type line struct {
	target, address string
	count           atomic.Int64 // connections since the line was joined

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]bool
}

func newLine(t *testing.T, host string) *line {
	t.Helper()
	if u, err := url.Parse(host); err == nil && u.Host != "" {
		host = u.Host
	}
	l := &line{target: host, address: "127.0.0.1:0", open: map[net.Conn]bool{}}
	l.join(t)
	t.Cleanup(l.cut)
	return l
}

func (l *line) server() string { return "https://" + l.address }

// used reports whether somebody has connected since the line was joined.
func (l *line) used() bool { return l.count.Load() > 0 }

func (l *line) join(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", l.address)
	require.NoError(t, err)
	l.count.Store(0)
	l.listener, l.address = listener, strings.Clone(listener.Addr().String())
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(near)
		}
	}()
}

func (l *line) carry(near net.Conn) {
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

// cut ends all connections and refuses new ones.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.listener.Close()
	for c := range l.open {
		_ = c.Close()
	}
	clear(l.open)
}

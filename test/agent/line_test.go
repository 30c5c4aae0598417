//go:build api || bench

package agent_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// line leads to the API server and can be cut.
type line struct {
	t       *testing.T
	address string // of this end
	to      string

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]bool
}

// newLine leads to the given https URL; url is that of this end.
func newLine(t *testing.T, url string) (l *line, own string) {
	t.Helper()
	l = &line{t: t, address: "127.0.0.1:0", to: hostPort(url), open: map[net.Conn]bool{}}
	l.join()
	t.Cleanup(l.cut)
	return l, "https://" + l.address
}

func hostPort(url string) string { return strings.Trim(strings.TrimPrefix(url, "https://"), "/") }

// join lets connections through, on the same address as before.
func (l *line) join() {
	l.t.Helper()
	listener, err := net.Listen("tcp", l.address)
	require.NoError(l.t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
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
}

func (l *line) carry(near net.Conn) {
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	l.open[near], l.open[far] = true, true
	l.mu.Unlock()
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

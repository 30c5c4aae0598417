//go:build kernel

package envoy

import (
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// login is a server whose logins are bound to the connection, as NTLM's and Negotiate's are: the first request with a
// user logs the whole connection in. It answers with the user and the number of the connection.
func login() func(net.Conn) {
	var connections atomic.Int32
	return func(c net.Conn) {
		number, user := connections.Add(1), "anonymous"
		for {
			head := readHead(c)
			if head == "" {
				return
			}
			if _, name, found := strings.Cut(head, "Authorization: NTLM "); found {
				user, _, _ = strings.Cut(name, "\r\n")
			}
			body := fmt.Sprintf("%s on %d", user, number)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	}
}

// asks sends a request on a connection and returns the body of the answer.
func asks(t *testing.T, c net.Conn, authority, header string) string {
	t.Helper()
	target := "/"
	if authority != "h" {
		target = "http://" + authority + "/"
	}
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", target, authority, header)
	_, body, found := strings.Cut(readResponse(t, c), "\r\n\r\n")
	require.True(t, found)
	return body
}

// A login that a server binds to a connection is the caller's alone, and lasts as long as the caller's connection.
func TestNoTwoConnectionsShareOneOfTheServer(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		w.listen(t, w.peer, f.peer, 8080, login())
		w.listen(t, w.pod, f.pod, 8080, login())
		for name, way := range map[string]struct {
			dial      func() net.Conn
			authority string
		}{
			"egress":   {func() net.Conn { return w.connection(t, w.pod, "tcp", f.peer, 8080) }, "h"},
			"ingress":  {func() net.Conn { return w.connection(t, w.peer, "tcp", f.pod, 8080) }, "h"},
			"explicit": {func() net.Conn { return w.connection(t, w.pod, "tcp", f.loopback, 13032) }, net.JoinHostPort(f.peer, "8080")},
		} {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				alice, bob := way.dial(), way.dial()
				hers := asks(t, alice, way.authority, "Authorization: NTLM alice\r\n")
				require.Contains(t, hers, "alice on ")
				require.Contains(t, asks(t, bob, way.authority, ""), "anonymous on ")
				require.Contains(t, asks(t, way.dial(), way.authority, ""), "anonymous on ")
				time.Sleep(6 * time.Second) // longer than connections were kept for the next request of anyone
				require.Equal(t, hers, asks(t, alice, way.authority, ""), "the same connection after a rest")
				require.NoError(t, alice.Close())
				require.Contains(t, asks(t, way.dial(), way.authority, ""), "anonymous on ", "nor does the next caller inherit it")
			})
		}
	}
}

// brief closes connections that were idle for so long, as servers with a short keep-alive time do.
func brief(keepAlive time.Duration) func(net.Conn) {
	return func(c net.Conn) {
		for {
			_ = c.SetReadDeadline(time.Now().Add(keepAlive))
			if readHead(c) == "" {
				return
			}
			fmt.Fprint(c, ok)
		}
	}
}

// A server that closes first: a fresh connection never meets one that the server is just closing, whatever the moment. Only
// the client whose own connection it is can: it gets a reset at that moment, as without the proxy.
func TestAServerThatClosesFirstIsNoErrorOnFreshConnections(t *testing.T) {
	w := newWorld(t, settings())
	const keepAlive = 100 * time.Millisecond
	w.listen(t, w.peer, peer4, 8080, brief(keepAlive))
	answer := func(c net.Conn) string {
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		buffer := make([]byte, 1<<10)
		n, _ := c.Read(buffer)
		return string(buffer[:n])
	}
	var unlucky int
	for i := range 60 {
		c := w.connection(t, w.pod, "tcp", peer4, 8080)
		require.Contains(t, answer(c), " 299 ", "connection %d", i)
		time.Sleep(keepAlive + time.Duration(i-30)*20*time.Microsecond)
		if second := answer(c); second == "" {
			unlucky++
		} else {
			require.Contains(t, second, " 299 ", "the server's answer or none")
		}
		require.NoError(t, c.Close())
		time.Sleep(keepAlive + time.Duration(i-30)*20*time.Microsecond)
	}
	t.Logf("of 60 requests sent at the moment at which the server closes the client's own connection, %d got a reset", unlucky)
}

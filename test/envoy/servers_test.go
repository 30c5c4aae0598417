//go:build kernel

package envoy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
)

// received is a request as it came over the wire, and from where.
type received struct {
	head   string
	remote string
}

// record answers every HTTP/1 request to port 8080 with a fixed response, and hands over what it received, byte for byte.
func (w *world) record(t *testing.T, where ns.NetNS, host string) <-chan received {
	t.Helper()
	got := make(chan received, 100)
	w.listen(t, where, host, 8080, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			head := ""
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				head += line
				if line == "\r\n" {
					break
				}
			}
			got <- received{head, c.RemoteAddr().String()}
			if _, err := io.WriteString(c, ok); err != nil {
				return
			}
		}
	})
	return got
}

// greet is a protocol in which the server speaks first, as in SMTP or MySQL.
func greet(c net.Conn) {
	fmt.Fprintln(c, "220 hello")
	_, _ = io.Copy(c, c)
}

// echo is a protocol of which nobody knows anything.
func echo(c net.Conn) { _, _ = io.Copy(c, c) }

// exchange sends a raw request and returns the raw answer, up to the end of the response's head and fixed body.
func (w *world) exchange(t *testing.T, from ns.NetNS, host string, port int, request string) string {
	t.Helper()
	c := w.connection(t, from, "tcp", host, port)
	_, err := io.WriteString(c, request)
	require.NoError(t, err)
	return readResponse(t, c)
}

func readResponse(t *testing.T, c net.Conn) string {
	t.Helper()
	buffer := make([]byte, 64<<10)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(waitLong)))
	n, err := c.Read(buffer)
	require.NoError(t, err)
	return string(buffer[:n])
}

// take returns what a server received, or fails.
func take(t *testing.T, got <-chan received) received {
	t.Helper()
	select {
	case r := <-got:
		return r
	case <-time.After(waitLong):
		require.Fail(t, "nothing arrived")
		return received{}
	}
}

// client speaks HTTP from inside the namespace, in the version that is asked for.
func (w *world) client(from ns.NetNS, h2 bool) *http.Client {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	return &http.Client{
		Timeout:   waitLong,
		Transport: &http.Transport{Protocols: protocols, DialContext: w.dialContext(from)},
	}
}

func (w *world) dialContext(from ns.NetNS) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, address string) (net.Conn, error) {
		return w.dial(from, network, address)
	}
}

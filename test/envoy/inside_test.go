//go:build kernel

package envoy

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/follow"
	"data-space.liqo.io/test/kit"
)

// bodiless is a server of Python's http.server that reads no bodies, as its examples do. It writes what it is asked for.
const bodiless = `
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        print(f"asked {self.command} {self.path}", flush=True)  # one text: other threads print as well
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_POST = do_GET
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer((sys.argv[1], 8080), Handler).serve_forever()`

// A server that reads no bodies takes what is in one for the next request. The client leaves when it has as many answers as the record has requests, so that
// no answer shows it. The record reports the body, before its bytes go on.
func TestARequestInABodyIsInTheRecord(t *testing.T) {
	w := newWorld(t, following(t))
	asked := &kit.Output{}
	server := exec.Command("nsenter", "--net="+w.peer.Path(), "python3", "-c", bodiless, peer4)
	server.Stdout = asked // in stderr are tracebacks, of connections that the client has left
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	require.Eventually(t, func() bool {
		c, err := w.dial(w.peer, "tcp", net.JoinHostPort(peer4, "8080"))
		if err == nil {
			c.Close()
		}
		return err == nil
	}, waitLong, waitStep, "the server starts: %s", asked)
	for name, c := range map[string]struct{ frame, method string }{
		"get":  {"GET /outer/%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", "GET"},
		"post": {"POST /outer/%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", "GET" + strings.Repeat(" ", 20_000)}, // the server reads lines of 64 KiB
	} {
		for _, from := range []string{"peer", "pod"} { // without the proxy, and with it
			name := from + "/" + name
			hidden := c.method + " /hidden/" + name + " HTTP/1.1\r\nHost: h\r\n\r\n"
			n := w.pod
			if from == "peer" {
				n = w.peer
			}
			client := w.connection(t, n, "tcp", peer4, 8080)
			fmt.Fprintf(client, c.frame, name, len(hidden), hidden)
			require.Eventually(t, func() bool { return strings.Contains(asked.String(), "asked GET /hidden/"+name) }, waitLong, waitStep, "the server acts on it: %s", asked)
			require.NoError(t, client.Close())
		}
		begin := w.line(t, byPath("/outer/pod/"+name))
		unread := w.line(t, func(l map[string]any) bool {
			return l["event"] == "Unread" && l["downstream_remote_address"] == begin["downstream_remote_address"]
		})
		require.Equal(t, follow.ReasonInside, unread["reason"])
		w.logged(t, func(l map[string]any) bool { // the connection has a line with its bytes
			return l["event"] == "TcpConnectionEnd" && l["downstream_remote_address"] == begin["downstream_remote_address"] && l["bytes_received"].(float64) > 100
		})
	}
}

//go:build kernel

package envoy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
)

const ok = "HTTP/1.1 299 Quite Fine\r\nX-Case: Kept\r\nContent-Length: 2\r\n\r\nhi"

func byPath(path string) func(map[string]any) bool {
	return func(line map[string]any) bool { return line["path"] == path }
}

func TestHTTP1PassesUnchangedAndIsLogged(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			got := w.record(t, w.peer, f.peer)
			request := "GET /a//b/../c%2Fd?q=1 HTTP/1.1\r\nHost: Hospital.example:8080\r\nX-MiXed: Case\r\nAccept: */*\r\n\r\n"

			answer := w.exchange(t, w.pod, f.peer, 8080, request)

			require.Equal(t, request, take(t, got).head)
			require.Contains(t, answer, "HTTP/1.1 299 Quite Fine\r\nX-Case: Kept\r\nContent-Length: 2\r\n")
			require.Equal(t, "\r\n\r\nhi", answer[len(answer)-6:])
			require.NotContains(t, answer, "envoy")
			require.NotContains(t, strings.ToLower(answer), "proxy-connection", "a header of the proxy's own")
			line := w.logged(t, func(l map[string]any) bool {
				return l["path"] == "/a//b/../c%2Fd?q=1" && l["original_destination"] == net.JoinHostPort(f.peer, "8080")
			})
			for field, value := range map[string]any{
				"event": "DownstreamEnd", "direction": "egress", "kind": "http", "method": "GET", "authority": "Hospital.example:8080", "protocol": "HTTP/1.1",
				"response_code": 299.0, "response_code_details": "via_upstream", "response_flags": "-", "bytes_received": 0.0,
				"bytes_sent": 2.0, "sni": nil, "upstream_host": net.JoinHostPort(f.peer, "8080"), "connection_termination_details": nil,
			} {
				require.Equal(t, value, line[field], field)
			}
			require.Contains(t, line["downstream_remote_address"], f.pod)
			require.NotNil(t, line["duration_ms"])
			require.NotEmpty(t, line["start_time"])
		})
	}
}

func TestHeadersGiveTheProxyNoOrders(t *testing.T) {
	w := newWorld(t, settings())
	orders := "x-envoy-upstream-rq-timeout-ms: 1\r\nx-envoy-retry-on: 5xx\r\nx-envoy-max-retries: 9\r\nx-envoy-upstream-alt-stat-name: mine\r\n"
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			heads := make(chan string, 10)
			w.listen(t, w.peer, f.peer, 8080, func(c net.Conn) {
				heads <- readHead(c)
				time.Sleep(50 * time.Millisecond)
				fmt.Fprint(c, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
			})
			answer := w.exchange(t, w.pod, f.peer, 8080, "GET /orders HTTP/1.1\r\nHost: h\r\n"+orders+"\r\n")
			require.Contains(t, answer, "503 No\r\n", "the server's own answer")
			require.Contains(t, <-heads, orders)
			require.Empty(t, heads, "asked once")
		})
	}
}

func TestHTTP10IsUnderstood(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			got := w.record(t, w.peer, f.peer)
			w.exchange(t, w.pod, f.peer, 8080, "GET /ten HTTP/1.0\r\nHost: hospital\r\n\r\n")
			require.Contains(t, take(t, got).head, "Host: hospital\r\n")
			require.Equal(t, "HTTP/1.0", w.logged(t, byPath("/ten"))["protocol"])

			w.exchange(t, w.pod, f.peer, 8080, "GET /nameless HTTP/1.0\r\n\r\n")
			require.Contains(t, take(t, got).head, "http-1-0.invalid\r\n")
		})
	}
}

func TestHTTP2WithoutTLSIsUnderstood(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			serveHTTP(t, w, w.peer, f.peer, 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				fmt.Fprint(rw, r.Proto, r.Header)
			}))
			response, err := w.client(w.pod, true).Post(fmt.Sprintf("http://%s/two", net.JoinHostPort(f.peer, "8080")), "text/plain", nil)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Contains(t, string(body), "HTTP/2.0")
			require.NotContains(t, string(body), "Envoy")
			require.NotContains(t, string(body), "Forwarded-For")
			line := w.logged(t, byPath("/two"))
			require.Equal(t, "HTTP/2", line["protocol"])
			require.Equal(t, "POST", line["method"])
		})
	}
}

func TestNoHeaderChoosesADestination(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			meant := w.record(t, w.peer, f.peer)
			elsewhere := w.record(t, w.peer, f.other)
			victim := net.JoinHostPort(f.other, "8080")
			for _, request := range []string{
				"GET /1 HTTP/1.1\r\nHost: " + victim + "\r\n\r\n",
				"GET /2 HTTP/1.1\r\nHost: h\r\nx-envoy-original-dst-host: " + victim + "\r\n\r\n",
				"GET http://" + victim + "/3 HTTP/1.1\r\nHost: h\r\n\r\n",
				"GET /4 HTTP/1.1\r\nHost: h\r\nX-Forwarded-Host: " + victim + "\r\nForwarded: host=" + victim + "\r\n\r\n",
				"CONNECT " + victim + " HTTP/1.1\r\nHost: " + victim + "\r\n\r\n",
			} {
				w.exchange(t, w.pod, f.peer, 8080, request)
				take(t, meant)
			}
			require.Empty(t, elsewhere)
		})
	}
}

func TestAWebsocketPasses(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			w.listen(t, w.peer, f.peer, 8080, func(c net.Conn) {
				_ = readHead(c)
				fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				echo(c)
			})
			c := w.connection(t, w.pod, "tcp", f.peer, 8080)
			fmt.Fprint(c, "GET /socket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			answer := readResponse(t, c)
			require.Contains(t, answer, "101 Switching Protocols")
			require.NotContains(t, strings.ToLower(answer), "proxy-connection", "a header of the proxy's own")
			fmt.Fprint(c, "ping")
			require.Equal(t, "ping", readResponse(t, c))
		})
	}
}

func TestARequestThatArrivesPassesTheProxyToo(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			got := w.record(t, w.pod, f.pod)
			answer := w.exchange(t, w.peer, f.pod, 8080, "GET /in HTTP/1.1\r\nHost: pharma\r\n\r\n")
			require.Contains(t, answer, "299 Quite Fine")
			seen := take(t, got)
			host, _, err := net.SplitHostPort(seen.remote)
			require.NoError(t, err)
			if f.pod == pod4 {
				require.Equal(t, apis.IngressSourceV4().String(), host, "by which the rules know the call")
			} else {
				require.Equal(t, apis.IngressSourceV6().String(), host, "by which the rules know the call")
			}
			line := w.logged(t, func(l map[string]any) bool {
				return l["path"] == "/in" && l["original_destination"] == net.JoinHostPort(f.pod, "8080")
			})
			require.Equal(t, "ingress", line["direction"])
			require.Contains(t, line["downstream_remote_address"], f.peer, "who called is in the log")
		})
	}
}

func readHead(c net.Conn) string {
	head := ""
	one := make([]byte, 1)
	for len(head) < 4 || head[len(head)-4:] != "\r\n\r\n" {
		if _, err := c.Read(one); err != nil {
			return head
		}
		head += string(one)
	}
	return head
}

// serveHTTP serves HTTP/1 and HTTP/2 without TLS.
func serveHTTP(t *testing.T, w *world, where ns.NetNS, host string, port int, handler http.Handler) {
	t.Helper()
	q := &queue{conns: make(chan net.Conn), done: make(chan struct{})}
	w.listen(t, where, host, port, func(c net.Conn) {
		select {
		case q.conns <- c:
			<-q.done // the connection is closed when this returns
		case <-q.done:
		}
	})
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: handler, Protocols: protocols}
	go func() { _ = server.Serve(q) }()
	t.Cleanup(func() { server.Close() })
}

// queue is a listener over connections that were accepted elsewhere.
type queue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}
func (q *queue) Close() error   { q.once.Do(func() { close(q.done) }); return nil }
func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }

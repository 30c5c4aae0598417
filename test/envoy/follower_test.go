//go:build kernel

package envoy

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/test/kit"
)

// following are settings with the module that reads along. Waiting for first bytes would fail the tests.
func following(t *testing.T) envoy.Settings {
	t.Helper()
	s := settings()
	s.Reader, s.ProtocolDetection, s.ServerFirstPorts = kit.Follower(t), 30*time.Second, []uint16{1}
	return s
}

func TestTheFollowerRecordsWhatPasses(t *testing.T) {
	w := newWorld(t, following(t))
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			out, in := w.record(t, w.peer, f.peer), w.record(t, w.pod, f.pod)
			const odd = "QUERY http://x/%s#f HTTP/1.1\r\nhost: h\r\nX[1]: y\r\n\r\n" // what Envoy's parser refuses
			for direction, way := range map[string]func(request string) received{
				"egress":  func(r string) received { w.exchange(t, w.pod, f.peer, 8080, r); return take(t, out) },
				"ingress": func(r string) received { w.exchange(t, w.peer, f.pod, 8080, r); return take(t, in) },
			} {
				plain := "GET /" + direction + f.name + " HTTP/1.1\r\nHOST:h\r\n\r\n"
				require.Equal(t, plain, way(plain).head)
				line := w.logged(t, byPath("/"+direction+f.name))
				for field, value := range map[string]any{
					"direction": direction, "kind": "http", "method": "GET", "authority": "h", "response_code": 299.0, "response_code_details": "via_upstream",
				} {
					require.Equal(t, value, line[field], field)
				}
				require.NotEmpty(t, line["downstream_remote_address"])
				unclear := fmt.Sprintf(odd, direction+f.name)
				require.Equal(t, unclear, way(unclear).head)
				w.line(t, byPath("http://x/"+direction+f.name+"#f"))
				w.line(t, func(l map[string]any) bool {
					return l["event"] == "Unread" && l["side"] == "requests" && l["direction"] == direction && strings.HasSuffix(fmt.Sprint(l["original_destination"]), ":8080")
				})
			}
		})
	}
}

func TestTheFollowerWaitsForNothing(t *testing.T) {
	w := newWorld(t, following(t))
	w.listen(t, w.peer, peer4, 26, greet)
	c := w.connection(t, w.pod, "tcp", peer4, 26)
	require.Equal(t, "220 hello\n", readResponse(t, c))
	w.listen(t, w.peer, peer4, 7, func(c net.Conn) {
		all, _ := io.ReadAll(c) // up to the end of the client's side
		fmt.Fprintf(c, "%d", len(all))
	})
	c = w.connection(t, w.pod, "tcp", peer4, 7)
	fmt.Fprint(c, "hi")
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	require.Equal(t, "2", readResponse(t, c))
	line := w.logged(t, func(l map[string]any) bool {
		return l["event"] == "TcpConnectionEnd" && l["original_destination"] == net.JoinHostPort(peer4, "7")
	})
	require.EqualValues(t, 2, line["bytes_received"])
}

func TestTheFollowerRecordsHTTP2AndNamesOfTLS(t *testing.T) {
	w := newWorld(t, following(t))
	serveHTTP(t, w, w.peer, peer4, 8080, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.WriteHeader(http.StatusTeapot)
		_, _ = rw.Write(body)
	}))
	client := w.client(w.pod, true)
	const size = 300 << 10
	for range 3 {
		response, err := client.Post("http://"+peer4+":8080/two", "text/plain", strings.NewReader(strings.Repeat("x", size)))
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		require.NoError(t, response.Body.Close())
	}
	line := w.logged(t, byPath("/two"))
	require.Equal(t, "HTTP/2", line["protocol"])
	require.EqualValues(t, 418, line["response_code"])
	require.EqualValues(t, size, line["bytes_received"])
	require.EqualValues(t, size, line["bytes_sent"])
	w.listen(t, w.peer, peer4, 8443, echo)
	_ = tls.Client(w.connection(t, w.pod, "tcp", peer4, 8443), &tls.Config{ServerName: "hospital.example"}).Handshake()
	w.line(t, func(l map[string]any) bool { return l["kind"] == "tls" && l["sni"] == "hospital.example" })
}

// The answer has passed, and at once the proxy is killed.
func TestWhatTheFollowerLetPassIsInTheRecordWhenItIsKilled(t *testing.T) {
	w := newWorld(t, following(t))
	w.record(t, w.peer, peer4)
	for i := range 20 {
		w.exchange(t, w.pod, peer4, 8080, fmt.Sprintf("GET /killed/%d HTTP/1.1\r\nHost: h\r\n\r\n", i))
	}
	c := w.connection(t, w.pod, "tcp", peer4, 8080)
	fmt.Fprint(c, "GET /killed/last HTTP/1.1\r\nHost: h\r\n\r\n")
	readResponse(t, c)
	require.NoError(t, w.proxy.Process.Kill())
	require.Error(t, w.proxy.Wait())
	for i := range 20 {
		w.line(t, byPath(fmt.Sprintf("/killed/%d", i)))
	}
	w.line(t, byPath("/killed/last"))
}

func TestNothingThatIsFollowedWritesALineOfItsOwn(t *testing.T) {
	w := newWorld(t, following(t))
	w.listen(t, w.peer, peer4, 8080, echo)
	for _, odd := range oddTexts() {
		w.requestOdd(t, odd)
	}
	w.exchange(t, w.pod, peer4, 8080, "GET /last HTTP/1.1\r\nHost: h\r\n\r\n")
	w.line(t, byPath("/last"))
	for raw := range strings.Lines(w.stderr.String()) {
		if strings.HasPrefix(raw, "E ") || !strings.HasSuffix(raw, "\n") {
			continue
		}
		line := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(raw), &line), "%q", raw)
		require.NotEqual(t, "forged", line["event"])
	}
}

//go:build kernel

package envoy

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
)

// The record says what was, not what somebody in the pod, or a caller, wants it to say.

func TestWhoCalledIsNoHeadersToSay(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			w.record(t, w.peer, f.peer)
			w.record(t, w.pod, f.pod)
			liar := "Host: h\r\nX-Forwarded-For: 192.0.2.66\r\nX-Real-Ip: 192.0.2.66\r\nForwarded: for=192.0.2.66\r\nX-Envoy-External-Address: 192.0.2.66\r\n\r\n"
			w.exchange(t, w.pod, f.peer, 8080, "GET /liar-out HTTP/1.1\r\n"+liar)
			w.exchange(t, w.peer, f.pod, 8080, "GET /liar-in HTTP/1.1\r\n"+liar)
			for path, who := range map[string]string{"/liar-out": f.pod, "/liar-in": f.peer} {
				line := w.logged(t, func(l map[string]any) bool {
					return l["path"] == path && strings.Contains(fmt.Sprint(l["original_destination"]), f.pod[:4])
				})
				require.Contains(t, line["downstream_remote_address"], who)
			}
		})
	}
}

// oddTexts are attempts to write a line of the record, or to break one.
func oddTexts() []string {
	const forged = `"} {"event":"forged","path":"forged"}`
	return []string{forged, "\x80\xff\xfe\xc0\xae", "\xe2\x80\xa8\xe2\x80\xa9", "\x1b[2J", "\x7f", "\u0085", "%0a" + forged, strings.Repeat("long", 10000)}
}

// requestOdd sends requests that have the text in each of their parts to the peer's port 8080.
func (w *world) requestOdd(t *testing.T, odd string) {
	t.Helper()
	for _, request := range []string{
		"GET /" + strings.ReplaceAll(odd, " ", "\t") + " HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: " + odd + "\r\n\r\n",
		odd + " / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\nHost: h\n" + odd + ": x\n\n",
	} {
		c := w.connection(t, w.pod, "tcp", peer4, 8080)
		fmt.Fprint(c, request)
		readResponse(t, c)
		require.NoError(t, c.Close())
	}
}

func TestNothingInARequestWritesALineOfItsOwn(t *testing.T) {
	w := newWorld(t, settings())
	w.record(t, w.peer, peer4)
	w.listen(t, w.peer, peer4, 8443, echo)
	for _, odd := range oddTexts() {
		w.requestOdd(t, odd)
		c := w.connection(t, w.pod, "tcp", peer4, 8443)
		_ = tls.Client(c, &tls.Config{ServerName: "a\n" + odd, InsecureSkipVerify: true}).Handshake()
		require.NoError(t, c.Close())
	}
	w.exchange(t, w.pod, peer4, 8080, "GET /last HTTP/1.1\r\nHost: h\r\n\r\n")
	w.logged(t, byPath("/last"))
	for _, raw := range strings.Split(strings.TrimSpace(w.stdout.String()), "\n") {
		if _, short := record.ParseEnded(raw); short {
			continue
		}
		line := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(raw), &line), "%q", raw)
		require.NotEqual(t, "forged", line["event"])
		require.Contains(t, line, "original_destination")
	}
}

// The tenant can have its proxy killed, by eating up its memory. What it has begun is in the record by then.
func TestWhatHasBegunIsInTheRecordBeforeItEnds(t *testing.T) {
	w := newWorld(t, settings())
	w.listen(t, w.peer, peer4, 7, echo)
	w.listen(t, w.peer, peer4, 8080, func(c net.Conn) {
		readHead(c)
		_, _ = c.Read(make([]byte, 1)) // it answers nothing
	})
	c := w.connection(t, w.pod, "tcp", peer4, 7)
	fmt.Fprint(c, unknown)
	require.Equal(t, unknown, readResponse(t, c))
	fmt.Fprint(w.connection(t, w.pod, "tcp", peer4, 8080), "GET /never-answered HTTP/1.1\r\nHost: h\r\n\r\n")
	w.line(t, func(l map[string]any) bool { return l["original_destination"] == net.JoinHostPort(peer4, "7") })
	w.line(t, byPath("/never-answered"))
}

// What the tenant can choose: a request that begins when the proxy no longer waits to recognise it, or otherwise than requests
// do, is recorded as a connection. docs/threat-model.md says so.
func TestARequestThatIsNotSeenToBeOneIsRecordedAsAConnection(t *testing.T) {
	w := newWorld(t, settings())
	w.listen(t, w.peer, peer4, 8080, echo)
	for before, wait := range map[string]time.Duration{"": 2 * settings().ProtocolDetection, "\r\n": 0} {
		c := w.connection(t, w.pod, "tcp", peer4, 8080)
		time.Sleep(wait)
		request := before + "GET /unseen HTTP/1.1\r\nHost: h\r\n\r\n"
		fmt.Fprint(c, request)
		require.Equal(t, request, readResponse(t, c))
		require.NoError(t, c.Close())
		line := w.logged(t, func(l map[string]any) bool { return l["bytes_received"] == float64(len(request)) })
		require.Equal(t, "tcp", line["kind"])
		require.Equal(t, net.JoinHostPort(peer4, "8080"), line["original_destination"])
	}
}

// A proxy of an earlier release starts again with today's configuration, but with its own arguments.
func TestAProxyOfAnEarlierReleaseLogsEachRequestWhole(t *testing.T) {
	w := &world{args: `--disable-hot-restart --concurrency 1 --log-level warning --component-log-level conn_handler:debug,connection:debug ` +
		`--log-format '{"event":"%n","level":"%l","text":"%j"}' --file-flush-interval-msec 250`}
	w.build(t, settings())
	w.record(t, w.peer, peer4)
	w.exchange(t, w.pod, peer4, 8080, "GET /whole HTTP/1.1\r\nHost: h\r\n\r\n")
	line := w.logged(t, byPath("/whole"))
	require.Equal(t, "via_upstream", line["response_code_details"])
	require.NotContains(t, w.stdout.String(), "\nE ")
}

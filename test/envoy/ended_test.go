//go:build kernel

package envoy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A server may take the end of the client's side for the end of a request's head (Python's http.server does) and act on the request. The client
// leaves without having read an answer, on a connection that has carried HTTP before, which has no line of its own. The server gets the bytes.
func TestTheFollowerRecordsARequestThatEndsWithItsConnection(t *testing.T) {
	w := newWorld(t, following(t))
	acted := make(chan string, 1)
	w.listen(t, w.peer, peer4, 8080, func(c net.Conn) {
		r := bufio.NewReader(c)
		for line := ""; line != "\r\n"; {
			line, _ = r.ReadString('\n')
		}
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		rest, _ := io.ReadAll(r)
		acted <- string(rest)
	})
	for name, leave := range map[string]func(c *net.TCPConn) error{"end": (*net.TCPConn).CloseWrite, "close": (*net.TCPConn).Close} {
		for _, last := range []string{"GET /%s HTTP/1.1\r\nHost: h\r\n", "GET /line/%s"} {
			last = fmt.Sprintf(last, name)
			c := w.connection(t, w.pod, "tcp", peer4, 8080)
			fmt.Fprint(c, "GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
			require.Contains(t, readResponse(t, c), "200 OK")
			fmt.Fprint(c, last)
			require.NoError(t, leave(c.(*net.TCPConn)))
			require.Equal(t, last, <-acted)
			path := strings.Fields(last)[1]
			begin := w.line(t, byPath(path))
			require.Equal(t, "Begin", begin["event"], path)
			if strings.Contains(path, "/line/") { // the connection has a line of its own again
				end := w.logged(t, func(l map[string]any) bool {
					return l["event"] == "TcpConnectionEnd" && l["downstream_remote_address"] == begin["downstream_remote_address"]
				})
				require.Greater(t, end["bytes_received"], float64(len(last)))
			}
		}
	}
}

// Bytes that the lines of requests do not count are counted by a line of the connection.
func TestTheFollowerCountsWhatIsInNoBody(t *testing.T) {
	w := newWorld(t, following(t))
	w.record(t, w.peer, peer4)
	const fields = 300 << 10
	w.exchange(t, w.pod, peer4, 8080, "GET /few HTTP/1.1\r\nHost: h\r\n\r\n")
	c := w.connection(t, w.pod, "tcp", peer4, 8080)
	fmt.Fprint(c, "GET /many HTTP/1.1\r\nHost: h\r\nX: "+strings.Repeat("x", fields)+"\r\n\r\n")
	readResponse(t, c)
	require.NoError(t, c.Close())
	line := w.logged(t, byPath("/many"))
	require.EqualValues(t, 0, line["bytes_received"])
	connection := w.logged(t, func(l map[string]any) bool {
		return l["event"] == "TcpConnectionEnd" && l["downstream_remote_address"] == line["downstream_remote_address"]
	})
	require.Greater(t, connection["bytes_received"], float64(fields))
}

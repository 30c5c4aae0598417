//go:build kernel

package transparent

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// upload sends a body that the server does not wait for, as programs do: it reads while it writes, and returns the answer's status.
func upload(t *testing.T, from *place, to *place, port int, head string) (string, error) {
	t.Helper()
	c, err := from.dial(net.JoinHostPort(to.v4.String(), fmt.Sprint(port)))
	require.NoError(t, err)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(waitLong))
	go func() {
		_, _ = io.WriteString(c, head)
		block := []byte(strings.Repeat("x", 64<<10))
		for range 512 { // 32 MiB, as the head says
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}()
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}

// A server may answer before the request is whole: 413, 401, 307. nginx and others go on reading for a while, so that the client
// comes to read the answer.
func TestAnAnswerBeforeTheEndOfTheRequestArrives(t *testing.T) {
	w := newWorld(t)
	early := func(c net.Conn) {
		_ = c.SetDeadline(time.Now().Add(waitLong))
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.CopyN(io.Discard, c, 8<<20)
	}
	for _, p := range []*place{w.server, w.foreign, w.guest} {
		p.listen(8080, early)
	}
	for name, head := range map[string]string{
		"length":  "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 33554432\r\n\r\n",
		"chunked": "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2000000\r\n",
	} {
		for way, ends := range map[string][2]*place{
			"ordinary": {w.ordinary, w.server}, "out": {w.foreign, w.server}, "in": {w.server, w.foreign}, "guest to guest": {w.foreign, w.guest},
		} {
			line, err := upload(t, ends[0], ends[1], 8080, head)
			require.NoError(t, err, "%s, %s", way, name)
			require.Equal(t, "HTTP/1.1 413 Too Large", line, "%s, %s", way, name)
		}
	}
}

// curl and others wait for 100 before they send a body.
func TestExpectIsAnsweredByTheServer(t *testing.T) {
	w := newWorld(t)
	for _, p := range []*place{w.server, w.foreign, w.guest} {
		p.listen(8080, func(c net.Conn) {
			_ = c.SetDeadline(time.Now().Add(waitLong))
			r := bufio.NewReader(c)
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if request.URL.Path == "/refused" {
				_, _ = io.WriteString(c, "HTTP/1.1 417 Not So\r\nContent-Length: 0\r\n\r\n")
				_, _ = r.ReadByte()
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
			body, _ := io.ReadAll(request.Body)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			_, _ = r.ReadByte()
		})
	}
	for way, ends := range map[string][2]*place{
		"ordinary": {w.ordinary, w.server}, "out": {w.foreign, w.server}, "in": {w.server, w.foreign}, "guest to guest": {w.foreign, w.guest},
	} {
		for path, first := range map[string]string{"/taken": "HTTP/1.1 100 Continue", "/refused": "HTTP/1.1 417 Not So"} {
			c, err := ends[0].dial(net.JoinHostPort(ends[1].v4.String(), "8080"))
			require.NoError(t, err)
			require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
			fmt.Fprintf(c, "PUT %s HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", path)
			r := bufio.NewReader(c)
			line, err := r.ReadString('\n')
			require.NoError(t, err, "%s %s", way, path)
			require.Equal(t, first, strings.TrimSpace(line), "%s %s", way, path)
			if path == "/taken" {
				fmt.Fprint(c, "hi")
				rest, err := r.ReadString('i')
				require.NoError(t, err)
				require.Contains(t, rest, "200 OK", way)
			}
			_ = c.Close()
		}
	}
}

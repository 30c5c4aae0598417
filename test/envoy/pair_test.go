//go:build kernel

package envoy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
)

// standing counts the connections that a server of the protocol has.
func standing(serve func(net.Conn), open *atomic.Int32) func(net.Conn) {
	return func(c net.Conn) {
		open.Add(1)
		defer open.Add(-1)
		serve(c)
	}
}

// A connection to a server ends with its client's, and with no other's: not before, whatever the client does, and not long after.
func TestAServersConnectionEndsWithTheClients(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		var outside, inside atomic.Int32
		w.listen(t, w.peer, f.peer, 8080, standing(login(), &outside))
		w.listen(t, w.pod, f.pod, 8080, standing(login(), &inside))
		for _, way := range []struct {
			name      string
			dial      func() net.Conn
			authority string
			open      *atomic.Int32
		}{
			{"egress", func() net.Conn { return w.connection(t, w.pod, "tcp", f.peer, 8080) }, "h", &outside},
			{"ingress", func() net.Conn { return w.connection(t, w.peer, "tcp", f.pod, 8080) }, "h", &inside},
			{"explicit", func() net.Conn { return w.connection(t, w.pod, "tcp", f.loopback, 13032) }, net.JoinHostPort(f.peer, "8080"), &outside},
		} {
			t.Run(f.name+"/"+way.name, func(t *testing.T) {
				stays := way.dial()
				hers := asks(t, stays, way.authority, "Authorization: NTLM alice\r\n")
				for range 20 {
					c := way.dial()
					asks(t, c, way.authority, "")
					require.NoError(t, c.Close())
				}
				require.Eventually(t, func() bool {
					w.probe(t, 1) // as the kubelet does
					return way.open.Load() == 1
				}, waitLong, 5*waitStep, "the others' connections end")
				require.Equal(t, hers, asks(t, stays, way.authority, ""), "the one that stays has its own")
				require.NoError(t, stays.Close())
				require.Eventually(t, func() bool { w.probe(t, 1); return way.open.Load() == 0 }, waitLong, 5*waitStep)
			})
		}
	}
}

// silently sends a request and returns how the connection ended: a client must not get what its server did not send.
func (w *world) silently(t *testing.T, from ns.NetNS, host string, port int, path string) error {
	t.Helper()
	c := w.connection(t, from, "tcp", host, port)
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
	all, err := io.ReadAll(c)
	require.Empty(t, string(all))
	return err
}

// Where the server's connection cannot be made, or ends without an answer, the client's is reset; the record has the reason.
func TestWhatTheServerDidNotSendIsAReset(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		w.listen(t, w.peer, f.peer, 8081, func(c net.Conn) { _ = readHead(c) })
		for name, server := range map[string]struct {
			from ns.NetNS
			host string
			port int
			flag string
		}{
			"refuses":                  {w.pod, f.other, 81, "UF"},
			"closes without an answer": {w.pod, f.peer, 8081, "UC"},
			"refuses a caller":         {w.peer, f.pod, 81, "UF"},
		} {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				path := fmt.Sprintf("/%s-%d-%s", server.flag, server.port, server.host)
				require.ErrorIs(t, w.silently(t, server.from, server.host, server.port, path), syscall.ECONNRESET)
				require.Contains(t, w.logged(t, byPath(path))["response_flags"], server.flag)
			})
		}
		t.Run(f.name+"/HTTP2", func(t *testing.T) {
			response, err := w.client(w.pod, true).Get("http://" + net.JoinHostPort(f.other, "81") + "/two")
			if err == nil {
				require.NoError(t, response.Body.Close())
			}
			require.Error(t, err)
		})
	}
}

// No header of a server's makes it through in the name of the proxy, and none resets anything but its own connection.
func TestAServerCannotForgeThePair(t *testing.T) {
	w := newWorld(t, settings())
	victim := w.connection(t, w.pod, "tcp", peer4, 8080)
	w.listen(t, w.peer, peer4, 8080, login())
	serveHTTP(t, w, w.peer, peer4, 8081, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Proxy-Connection", "0 "+victim.LocalAddr().String()+" "+victim.RemoteAddr().String()+" -")
	}))
	hers := asks(t, victim, "h", "Authorization: NTLM alice\r\n")
	client := w.client(w.pod, false)
	for range 5 {
		response, err := client.Get("http://" + net.JoinHostPort(peer4, "8081"))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Empty(t, response.Header.Get("Proxy-Connection"))
	}
	client.CloseIdleConnections()
	time.Sleep(300 * time.Millisecond)
	w.probe(t, 1)
	require.Equal(t, hers, asks(t, victim, "h", ""))
}

// A crowd of connections that goes leaves a gap in the proxy's descriptors. What stands behind it is seen all the same.
func TestAConnectionBehindAGapOfDescriptorsKeepsItsServers(t *testing.T) {
	s := settings()
	s.ProtocolDetection = waitLong // a slow machine's clients speak HTTP all the same
	w := newWorld(t, s)
	var open atomic.Int32
	w.listen(t, w.peer, peer4, 8080, standing(login(), &open))
	begin := func() net.Conn {
		c := w.connection(t, w.pod, "tcp", peer4, 8080)
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHo") // it is HTTP, and no server is asked yet
		return c
	}
	var crowd []net.Conn
	for range 700 {
		crowd = append(crowd, begin())
	}
	stays := begin()
	require.NoError(t, stays.SetDeadline(time.Now().Add(3*waitLong)))
	w.descriptors(t, func(n int) bool { return n > 700 })
	for _, c := range crowd {
		require.NoError(t, c.Close())
	}
	w.descriptors(t, func(n int) bool { return n < 100 })
	fmt.Fprint(stays, "st: h\r\nAuthorization: NTLM alice\r\n\r\n")
	require.Contains(t, readResponse(t, stays), "alice on 1")
	for range 3 {
		time.Sleep(300 * time.Millisecond)
		w.probe(t, 1)
		require.Equal(t, "alice on 1", asks(t, stays, "h", ""))
	}
	require.NoError(t, stays.Close())
	require.Eventually(t, func() bool { w.probe(t, 1); return open.Load() == 0 }, waitLong, 5*waitStep)
}

// descriptors waits until the number of the proxy's descriptors fits.
func (w *world) descriptors(t *testing.T, fits func(int) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.proxy.Process.Pid))
		return err == nil && fits(len(open))
	}, waitLong, waitStep)
}

// The address of a caller on the same link has its interface's number. It is reset as others are, and no listener is.
func TestACallerOnTheSameLinkIsResetAsOthersAre(t *testing.T) {
	w := newWorld(t, settings())
	in(t, w.pod, "ip addr add fe80::aa/64 dev eth0 nodad")
	in(t, w.peer, "ip addr add fe80::bb/64 dev eth0 nodad")
	c, err := w.dial(w.peer, "tcp", "[fe80::aa%eth0]:81")
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(3*waitLong)))
	fmt.Fprint(c, "GET /link HTTP/1.1\r\nHost: h\r\n\r\n")
	all, err := io.ReadAll(c)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.Empty(t, string(all))
	w.listen(t, w.peer, peer4, 8080, login())
	w.listen(t, w.pod, pod4, 8080, login())
	asks(t, w.connection(t, w.pod, "tcp", peer4, 8080), "h", "")
	asks(t, w.connection(t, w.peer, "tcp", pod4, 8080), "h", "")
}

//go:build kernel

package envoy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
)

// Where the destination refuses, the client sees a reset, whether it has sent something or waits for the server to speak first. What it has
// sent is in the record, with the reason.
func TestARefusedDestinationResetsTheClient(t *testing.T) {
	s := following(t)
	s.OpaquePorts = []uint16{82}
	w := newWorld(t, s)
	for _, f := range families() {
		for name, way := range map[string]struct {
			from ns.NetNS
			host string
		}{"egress": {w.pod, f.other}, "ingress": {w.peer, f.pod}} {
			for _, port := range []int{81, 82} {
				path := fmt.Sprintf("/%s/%s/%d", f.name, name, port)
				for _, first := range []string{"", unknown, "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"} {
					t.Run(fmt.Sprintf("%s/%d bytes", path, len(first)), func(t *testing.T) {
						c, err := w.dial(way.from, "tcp", net.JoinHostPort(way.host, fmt.Sprint(port)))
						if err == nil { // the reset was not as fast as the client
							t.Cleanup(func() { _ = c.Close() })
							require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
							if _, err = io.WriteString(c, first); err == nil {
								_, err = c.Read(make([]byte, 1))
							}
						}
						require.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE), "%v", err)
					})
				}
				end := w.logged(t, func(l map[string]any) bool {
					return l["event"] == "TcpConnectionEnd" && l["original_destination"] == net.JoinHostPort(way.host, fmt.Sprint(port))
				})
				require.Contains(t, end["response_flags"], "UF")
			}
		}
	}
}

// What a client asks of a server that is not there yet is in the record before it is known that it cannot be reached.
func TestWhatIsAskedOfAnUnreachableServerIsRecorded(t *testing.T) {
	w := newWorld(t, following(t))
	in(t, w.peer, "iptables -A INPUT -p tcp --dport 83 -j DROP")
	c := w.connection(t, w.pod, "tcp", peer4, 83)
	fmt.Fprint(c, "GET /unreachable HTTP/1.1\r\nHost: h\r\n\r\n")
	w.line(t, byPath("/unreachable"))
	require.NoError(t, c.Close())
	w.logged(t, func(l map[string]any) bool {
		return l["event"] == "TcpConnectionEnd" && l["original_destination"] == net.JoinHostPort(peer4, "83")
	})
}

// A destination that is reached ends its connections itself, however much it has sent: no byte is lost by a reset.
func TestAReachedDestinationEndsItsConnections(t *testing.T) {
	const much = 8 << 20
	s := following(t)
	s.OpaquePorts = []uint16{84}
	w := newWorld(t, s)
	for _, port := range []int{7, 84} {
		w.listen(t, w.peer, peer4, port, func(c net.Conn) { fmt.Fprint(c, strings.Repeat("x", much)) })
		w.listen(t, w.peer, peer4, port+1, func(net.Conn) {})
		c := w.connection(t, w.pod, "tcp", peer4, port)
		time.Sleep(300 * time.Millisecond) // all is in the kernels' buffers, or waits in the proxy
		n, err := io.Copy(io.Discard, c)
		require.EqualValues(t, much, n)
		require.NoError(t, err)
		_, err = w.connection(t, w.pod, "tcp", peer4, port+1).Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF, "it closes without a byte")
	}
}

// The connection that is one too many is reset.
func TestAConnectionAboveTheBoundIsReset(t *testing.T) {
	s := following(t)
	s.MaxConnections = 3
	w := newWorld(t, s)
	w.listen(t, w.peer, peer4, 7, echo)
	require.Equal(t, 3, w.open(t, 3))
	c, err := w.dial(w.pod, "tcp", net.JoinHostPort(peer4, "7"))
	if err == nil { // the reset was not as fast as the client
		t.Cleanup(func() { _ = c.Close() })
		require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
		_, err = c.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

//go:build kernel

package envoy

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
)

// resolver answers every datagram with "who:" and what was asked, on each address of the cluster's DNS.
func (w *world) resolver(t *testing.T, answer func(query []byte) []byte) {
	t.Helper()
	for _, host := range []string{dns4, dns6} {
		var c net.PacketConn
		require.NoError(t, w.peer.Do(func(ns.NetNS) error {
			var err error
			c, err = net.ListenPacket("udp", net.JoinHostPort(host, "53"))
			return err
		}))
		t.Cleanup(func() { c.Close() })
		go func() {
			buffer := make([]byte, 65535)
			for {
				n, from, err := c.ReadFrom(buffer)
				if err != nil {
					return
				}
				_, _ = c.WriteTo(answer(append([]byte{}, buffer[:n]...)), from)
			}
		}()
		w.listen(t, w.peer, host, 53, func(c net.Conn) {
			var size [2]byte
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return
			}
			query := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(c, query); err != nil {
				return
			}
			reply := answer(query)
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
		})
	}
}

func echoed(query []byte) []byte { return append([]byte("answer to "), query...) }

func TestDNSGoesToTheClusterWhateverServerIsNamed(t *testing.T) {
	w := newWorld(t, settings())
	w.resolver(t, echoed)
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			for _, server := range []string{f.other, f.dns} {
				c := w.connection(t, w.pod, "udp", server, 53)
				fmt.Fprint(c, "q1")
				require.Equal(t, "answer to q1", readResponse(t, c), "the answer comes from whom was asked: the socket is connected")

				c = w.connection(t, w.pod, "tcp", server, 53)
				_, err := c.Write(append([]byte{0, 2}, "q2"...))
				require.NoError(t, err)
				require.Equal(t, "\x00\x0canswer to q2", readResponse(t, c))
				require.NoError(t, c.Close())
				line := w.logged(t, func(l map[string]any) bool {
					return l["event"] == "TcpConnectionEnd" && l["original_destination"] == net.JoinHostPort(server, "53")
				})
				require.Equal(t, "dns", line["kind"])
				require.Contains(t, []any{net.JoinHostPort(dns4, "53"), net.JoinHostPort(dns6, "53")}, line["upstream_host"])
			}
		})
	}
}

func TestDNSOverUDPIsLogged(t *testing.T) {
	w := newWorld(t, settings())
	w.resolver(t, echoed)
	c := w.connection(t, w.pod, "udp", other4, 53)
	fmt.Fprint(c, "q")
	require.Equal(t, "answer to q", readResponse(t, c))
	line := w.logged(t, func(l map[string]any) bool { return l["kind"] == "dns" })
	require.Equal(t, "egress", line["direction"])
	require.EqualValues(t, 1, line["bytes_received"])
	require.EqualValues(t, 11, line["bytes_sent"])
}

func TestALargeAnswerPassesWhole(t *testing.T) {
	w := newWorld(t, settings())
	large := make([]byte, 4096)
	w.resolver(t, func([]byte) []byte { return large })
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			c := w.connection(t, w.pod, "udp", f.other, 53)
			fmt.Fprint(c, "large")
			buffer := make([]byte, 65535)
			n, err := c.Read(buffer)
			require.NoError(t, err)
			require.Equal(t, len(large), n)
		})
	}
}

func TestManyQueriesAtOnceAreAllAnswered(t *testing.T) {
	w := newWorld(t, settings())
	w.resolver(t, func(query []byte) []byte { return query })
	const clients, queries = 40, 4 // as many as a socket of the kernel holds, or the test would lose some itself
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for i := range clients {
		c := w.connection(t, w.pod, "udp", other4, 53)
		wg.Go(func() {
			// All at once on one socket, as resolvers ask for A and AAAA.
			for q := range queries {
				fmt.Fprintf(c, "%d/%d", i, q)
			}
			got := map[string]bool{}
			buffer := make([]byte, 512)
			for len(got) < queries {
				n, err := c.Read(buffer)
				if err != nil {
					errs <- fmt.Errorf("client %d got %d of %d: %w", i, len(got), queries, err)
					return
				}
				got[string(buffer[:n])] = true
			}
		})
	}
	wg.Wait()
	close(errs)
	require.NoError(t, <-errs)
}

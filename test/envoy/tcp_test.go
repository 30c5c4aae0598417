//go:build kernel

package envoy

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
)

func TestTLSPassesAndItsServerNameIsLogged(t *testing.T) {
	w := newWorld(t, settings())
	certificate := selfSigned(t)
	for _, protocols := range [][]string{nil, {"http/1.1"}, {"h2"}} {
		for _, f := range families() {
			t.Run(f.name, func(t *testing.T) {
				w.listen(t, w.peer, f.peer, 8443, func(c net.Conn) {
					echo(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: protocols}))
				})
				name := fmt.Sprintf("records%d.example", len(protocols))
				c := tls.Client(w.connection(t, w.pod, "tcp", f.peer, 8443),
					&tls.Config{ServerName: name, InsecureSkipVerify: true, NextProtos: protocols})
				fmt.Fprint(c, "secret")
				require.Equal(t, "secret", readResponse(t, c))
				require.NoError(t, c.Close())
				line := w.logged(t, func(l map[string]any) bool {
					return l["sni"] == name && l["original_destination"] == net.JoinHostPort(f.peer, "8443")
				})
				require.Equal(t, "tls", line["kind"])
				require.Equal(t, "egress", line["direction"])
				require.Equal(t, "TcpConnectionEnd", line["event"])
				require.NotZero(t, line["bytes_sent"])
			})
		}
	}
}

func TestWhatNobodyKnowsPassesBothWays(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			w.listen(t, w.peer, f.peer, 7, echo)
			w.listen(t, w.pod, f.pod, 7, echo)

			out := w.connection(t, w.pod, "tcp", f.peer, 7)
			fmt.Fprint(out, "\x00\x01\x02")
			require.Equal(t, "\x00\x01\x02", readResponse(t, out))
			require.NoError(t, out.Close())
			line := w.logged(t, func(l map[string]any) bool { return l["original_destination"] == net.JoinHostPort(f.peer, "7") })
			require.Equal(t, "tcp", line["kind"])
			require.EqualValues(t, 3, line["bytes_received"])
			require.EqualValues(t, 3, line["bytes_sent"])

			into := w.connection(t, w.peer, "tcp", f.pod, 7)
			fmt.Fprint(into, "\xff")
			require.Equal(t, "\xff", readResponse(t, into))
			require.NoError(t, into.Close())
			line = w.logged(t, func(l map[string]any) bool { return l["original_destination"] == net.JoinHostPort(f.pod, "7") })
			require.Equal(t, "ingress", line["direction"])
		})
	}
}

func TestAHalfClosedConnectionStillAnswers(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			w.listen(t, w.peer, f.peer, 9, func(c net.Conn) {
				fmt.Fprint(c, "hello")
				all, _ := io.ReadAll(c)
				fmt.Fprintf(c, "%d bytes", len(all))
			})
			c := w.connection(t, w.pod, "tcp", f.peer, 9)
			fmt.Fprint(c, unknown)
			require.Equal(t, "hello", readResponse(t, c), "the protocol is known by now")
			require.NoError(t, c.(*net.TCPConn).CloseWrite())
			all, err := io.ReadAll(c)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%d bytes", len(unknown)), string(all))
		})
	}
}

func TestATextProtocolIsNotDelayed(t *testing.T) {
	patient := settings()
	patient.ProtocolDetection = 20 * time.Second // so long that no busy machine is mistaken for the wait
	w := newWorld(t, patient)
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			w.listen(t, w.peer, f.peer, 6379, echo)
			c := w.connection(t, w.pod, "tcp", f.peer, 6379)
			began := time.Now()
			fmt.Fprint(c, "PING\r\n")
			require.Equal(t, "PING\r\n", readResponse(t, c))
			require.Less(t, time.Since(began), patient.ProtocolDetection)
		})
	}
}

func TestAProtocolInWhichTheServerSpeaksFirstWaitsForTheDetection(t *testing.T) {
	for _, detection := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond} {
		s := settings()
		s.ProtocolDetection = detection
		w := newWorld(t, s)
		for _, f := range families() {
			t.Run(f.name, func(t *testing.T) {
				w.listen(t, w.peer, f.peer, 2323, greet)
				began := time.Now()
				line, err := bufio.NewReader(w.connection(t, w.pod, "tcp", f.peer, 2323)).ReadString('\n')
				took := time.Since(began)
				require.NoError(t, err)
				require.Equal(t, "220 hello\n", line)
				t.Logf("detection %v: greeting after %v", detection, took.Round(time.Millisecond))
				require.Greater(t, took, detection-20*time.Millisecond, "the clock of an event loop is a little behind")
				require.Less(t, took, detection+20*time.Second)
			})
		}
	}
}

// At the ports where servers speak first nothing waits, in both directions, and a client may end its side at once.
func TestServersThatSpeakFirstAtTheirPortsDoNotWait(t *testing.T) {
	patient := settings()
	patient.ProtocolDetection = 20 * time.Second // so long that no busy machine is mistaken for the wait
	w := newWorld(t, patient)
	for _, f := range families() {
		w.listen(t, w.peer, f.peer, 25, greet)
		w.listen(t, w.pod, f.pod, 25, greet)
		for name, way := range map[string]struct {
			from ns.NetNS
			host string
		}{"egress": {w.pod, f.peer}, "ingress": {w.peer, f.pod}} {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				began := time.Now()
				c := w.connection(t, way.from, "tcp", way.host, 25)
				fmt.Fprint(c, "QUIT\n")
				require.NoError(t, c.(*net.TCPConn).CloseWrite())
				all, err := io.ReadAll(c)
				require.NoError(t, err)
				require.Equal(t, "220 hello\nQUIT\n", string(all))
				require.Less(t, time.Since(began), patient.ProtocolDetection)
			})
		}
	}
}

func TestConnectionsToTheProxyItselfAreClosedAtOnce(t *testing.T) {
	patient := settings()
	patient.ProtocolDetection = 20 * time.Second
	w := newWorld(t, patient)
	own := []int{13031, 13032, 13041, 13043, 13053}
	closed := func(t *testing.T, c net.Conn, err error) {
		t.Helper()
		if err != nil {
			return // refused is as good
		}
		defer c.Close()
		require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
		began := time.Now()
		fmt.Fprint(c, "GET /own HTTP/1.1\r\nHost: h\r\n\r\n")
		n, err := c.Read(make([]byte, 1))
		require.Zero(t, n)
		require.Error(t, err)
		require.Less(t, time.Since(began), patient.ProtocolDetection, "closed before any protocol is looked for")
	}
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			for _, port := range own {
				// Of another pod's proxy, redirected to our own.
				c, err := w.dial(w.pod, "tcp", net.JoinHostPort(f.peer, fmt.Sprint(port)))
				closed(t, c, err)
			}
			// Direct hits.
			c, err := w.dial(w.pod, "tcp", net.JoinHostPort(f.loopback, "13031"))
			closed(t, c, err)
			for _, host := range []string{f.loopback, f.pod} {
				c, err = w.dial(w.pod, "tcp", net.JoinHostPort(host, "13041"))
				closed(t, c, err)
			}
			// From outside: what is not redirected is refused or closed.
			for _, port := range []int{13031, 13032, 13041, 13053} {
				c, err := w.dial(w.peer, "tcp", net.JoinHostPort(f.pod, fmt.Sprint(port)))
				closed(t, c, err)
			}
		})
	}
	line := w.logged(t, func(l map[string]any) bool { return l["kind"] == "closed" })
	require.Nil(t, line["upstream_host"])
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

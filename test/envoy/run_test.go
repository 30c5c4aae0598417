//go:build kernel

package envoy

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/test/kit"
)

// unknown is long enough to be seen at once to be neither TLS nor HTTP.
const unknown = "\x00\x01\x02\x03\x04\x05\x06\x07"

// adminClient speaks HTTP/2 through the socket file.
func (w *world) adminClient() *http.Client {
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Timeout: waitLong, Transport: &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", w.admin())
		},
	}}
}

func TestTheAdminSocketIsForTheProxyOnlyAndReadsOnly(t *testing.T) {
	w := newWorld(t, settings())
	info, err := os.Stat(w.admin())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.EqualValues(t, 1303, info.Sys().(*syscall.Stat_t).Uid)
	for path, code := range map[string]int{"/ready": 200, "/config_dump": 200, "/stats": 200, "/quitquitquit": 403, "/logging": 403, "/drain_listeners": 403} {
		response, err := w.adminClient().Post("http://admin"+path, "", nil)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, code, response.StatusCode, path)
	}
}

func TestConnectionsAreBoundedAndProbesArePassedOn(t *testing.T) {
	s := settings()
	s.MaxConnections = 5
	w := newWorld(t, s)
	w.listen(t, w.peer, peer4, 7, echo)
	w.probe(t, 10)
	require.Equal(t, 5, w.open(t, 20))
	w.probe(t, 10)
	require.Zero(t, w.open(t, 20), "probes do not wear the bound down")
}

// open opens connections that stay open, up to limit, and returns how many it could.
func (w *world) open(t *testing.T, limit int) int {
	t.Helper()
	for n := range limit {
		c := w.connection(t, w.pod, "tcp", peer4, 7)
		fmt.Fprint(c, unknown)
		if _, err := io.ReadFull(c, make([]byte, len(unknown))); err != nil {
			return n
		}
	}
	return limit
}

func (w *world) probe(t *testing.T, times int) {
	t.Helper()
	for range times {
		response, err := w.client(w.peer, false).Get("http://" + pod4 + ":13043/ready")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
}

func TestAProxyThatWasKilledStartsAgain(t *testing.T) {
	w := newWorld(t, settings())
	require.NoError(t, w.proxy.Process.Kill())
	require.Error(t, w.proxy.Wait())
	w.start(t, settings())
	got := w.record(t, w.peer, peer4)
	w.exchange(t, w.pod, peer4, 8080, "GET /again HTTP/1.1\r\nHost: h\r\n\r\n")
	take(t, got)
}

func TestWithoutIPv6NothingListensThere(t *testing.T) {
	s := settings()
	s.IPv6, s.ClusterDNS = false, s.ClusterDNS[:1]
	w := newWorld(t, s)
	w.resolver(t, echoed)
	got := w.record(t, w.peer, peer4)
	w.exchange(t, w.pod, peer4, 8080, "GET /four HTTP/1.1\r\nHost: h\r\n\r\n")
	take(t, got)
	in(t, w.pod, `test -z "$(ss -6 -H -ltun)"`)
}

func TestItStartsWhereInterfacesHaveIPv6TurnedOff(t *testing.T) {
	w := &world{pod: namespace(t), peer: namespace(t), stdout: &kit.Output{}, stderr: &kit.Output{}}
	w.connect(t)
	w.redirect(t)
	in(t, w.pod, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.lo.disable_ipv6=1")
	w.start(t, settings())
	got := w.record(t, w.peer, peer4)
	w.exchange(t, w.pod, peer4, 8080, "GET /four HTTP/1.1\r\nHost: h\r\n\r\n")
	take(t, got)
}

// TestWhatItCosts is here for its log: memory at rest and with a thousand connections held open.
func TestWhatItCosts(t *testing.T) {
	w := newWorld(t, settings())
	w.listen(t, w.peer, peer4, 7, echo)
	rest := w.memory(t)
	began := time.Now()
	const connections = 1024 // as many as one direction has by default
	require.Equal(t, connections, w.open(t, 1100))
	busy := w.memory(t)
	t.Logf("at rest %d KiB, with %d connections %d KiB, %v per connection", rest, connections, busy, time.Since(began)/connections)
	require.Less(t, busy, 256<<10, "the sidecar's limit")
}

// Readers that wait would fill the proxy up to the sidecar's limit, and the kernel would end it.
func TestHTTP2ReadersThatWaitDoNotFillTheProxy(t *testing.T) {
	w := newWorld(t, settings())
	serveHTTP(t, w, w.peer, peer4, 8080, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.CopyN(rw, rand.Reader, 64<<20) // until the reader is gone
	}))
	client, rest := w.client(w.pod, true), w.memory(t)
	for range 20 {
		response, err := client.Get("http://" + peer4 + ":8080/large")
		require.NoError(t, err)
		defer response.Body.Close()
	}
	time.Sleep(3 * time.Second) // without bounds it is 200 MiB by then
	require.Less(t, w.memory(t)-rest, 64<<10, "KiB")
}

func (w *world) memory(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.proxy.Process.Pid))
	require.NoError(t, err)
	var kib int
	for _, line := range strings.Split(string(raw), "\n") {
		if n, _ := fmt.Sscanf(line, "VmRSS: %d kB", &kib); n == 1 {
			return kib
		}
	}
	require.Fail(t, "no VmRSS")
	return 0
}

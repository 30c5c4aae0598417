//go:build kernel

package envoy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"data-space.liqo.io/pkg/decisions/follow"
	"data-space.liqo.io/test/kit"
)

// moduleFillings are attempts to fill the memory of the module that reads along.
func moduleFillings() map[string]filling {
	return map[string]filling{
		"first lines without end":             {1000, slow("GET /" + strings.Repeat("x", 60<<10)), into, podSilent},
		"bytes one by one":                    {1000, oneByOne, out, silent4},
		"pipelined requests":                  {200, slow(strings.Repeat("GET /"+strings.Repeat("x", 4000)+" HTTP/1.1\r\nHost: h\r\n\r\n", 250)), out, silent4},
		"chunk extensions without end":        {1000, slow("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 60<<10)), out, silent4},
		"tables of header fields":             {1000, fieldTables, out, tables4},
		"TLS hellos without end":              {1000, slow("\x16\x03\x01\x3f\xff\x01\xff\xff\xff" + strings.Repeat("x", 0x3ff0)), out, silent4},
		"many header lists to a server":       {20, manyHeaderLists, out, silent4},
		"bytes that a server does not read":   {1000, raw, out, deaf4},
		"bytes that the pod does not read":    {1000, raw, into, podDeaf},
		"bytes that a client does not read":   {1000, slow(unknown), out, chatty4},
		"answers that a client does not read": {1000, slow("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), out, chatty4},
		"what waits for a destination":        {1000, slow(strings.Repeat("x", 1<<20)), out, unreachable4},
	}
}

// unreachable4 does not answer.
const unreachable4 = peer4 + ":7006"

// tables4 is a server of HTTP/2 that allows large tables of header fields.
const tables4 = peer4 + ":7005"

// The tenant may fill what it can: the proxy lives, serves again at once, and writes what is not read.
func TestTheModulesMemoryIsBounded(t *testing.T) {
	for name, f := range moduleFillings() {
		t.Run(name, func(t *testing.T) {
			w := &world{cage: newCage(t)}
			w.fillable(t, following(t))
			in(t, w.peer, "iptables -A INPUT -p tcp --dport 7006 -j DROP")
			w.listen(t, w.peer, peer4, 7005, func(c net.Conn) {
				framer := http2.NewFramer(c, nil)
				_ = framer.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1 << 20})
				time.Sleep(tryLong)
			})
			f.run(t, w, time.Second)
			require.Zero(t, w.cage.kills(t), "the proxy was killed")
			t.Log("peak", w.cage.read(t, w.cage.peak), "unread for memory", strings.Count(w.stderr.String(), follow.ReasonMemory))
			require.Eventually(t, func() bool { return w.answers() }, 3*waitLong, 10*waitStep, "it serves again")
			w.line(t, byPath("/ordinary"))
		})
	}
}

func oneByOne(_ *world, c net.Conn, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
			if _, err := c.Write([]byte("G")); err != nil {
				return
			}
		}
	}
}

// fieldTables fills the largest table of header fields with the smallest ones, which take the most memory.
func fieldTables(_ *world, c net.Conn, done <-chan struct{}) {
	fmt.Fprint(c, http2.ClientPreface)
	time.Sleep(100 * time.Millisecond) // the server's settings come first
	var wire, block bytes.Buffer
	framer, encoder := http2.NewFramer(&wire, nil), hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSizeLimit(64 << 10)
	encoder.SetMaxDynamicTableSize(64 << 10)
	for i := range 1500 {
		_ = encoder.WriteField(hpack.HeaderField{Name: fmt.Sprintf("%x", i)})
	}
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes()})
	_, _ = c.Write(wire.Bytes())
	<-done
}

// A server that overlooks an offer reads what follows it as a request, and so does the module.
func TestTheModuleReadsBehindAnOffer(t *testing.T) {
	w := newWorld(t, following(t))
	got := w.record(t, w.peer, peer4)
	for i, offered := range []string{"websocket", "h2c", "TLS/1.2", "own"} {
		c := w.connection(t, w.pod, "tcp", peer4, 8080)
		fmt.Fprintf(c, "GET /offer/%[1]d HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: %[2]s\r\n\r\nGET /hidden/%[1]d HTTP/1.1\r\nHost: h\r\n\r\n", i, offered)
		require.Contains(t, take(t, got).head, "Upgrade: "+offered)
		require.Contains(t, take(t, got).head, "/hidden")
		w.line(t, byPath(fmt.Sprintf("/offer/%d", i)))
		w.line(t, byPath(fmt.Sprintf("/hidden/%d", i)))
	}
}

// A connection has the lines of its requests, or that of its end.
func TestAConnectionIsNotInTheRecordTwice(t *testing.T) {
	w := newWorld(t, following(t))
	w.record(t, w.peer, peer4)
	w.listen(t, w.peer, peer4, 7, echo)
	w.exchange(t, w.pod, peer4, 8080, "GET /once HTTP/1.1\r\nHost: h\r\n\r\n")
	w.logged(t, byPath("/once"))
	c := w.connection(t, w.pod, "tcp", peer4, 7)
	fmt.Fprint(c, "\x00\x01\x02")
	require.Equal(t, "\x00\x01\x02", readResponse(t, c))
	require.NoError(t, c.Close())
	if refused, err := w.dial(w.pod, "tcp", net.JoinHostPort(peer4, "81")); err == nil { // else: the reset came before the dial returned
		require.NoError(t, refused.SetDeadline(time.Now().Add(waitLong)))
		fmt.Fprint(refused, "GET /refused HTTP/1.1\r\nHost: h\r\n\r\n")
		_, _ = refused.Read(make([]byte, 1))
		require.NoError(t, refused.Close())
	}
	to := func(port, event string) func(map[string]any) bool {
		return func(l map[string]any) bool {
			return l["original_destination"] == net.JoinHostPort(peer4, port) && l["event"] == event
		}
	}
	line := w.logged(t, to("7", "TcpConnectionEnd"))
	require.Equal(t, "tcp", line["kind"])
	require.EqualValues(t, 3, line["bytes_received"])
	require.Contains(t, w.logged(t, to("81", "TcpConnectionEnd"))["response_flags"], "UF")
	count := func(fits func(map[string]any) bool) (n int) {
		for _, l := range w.log(t) {
			if fits(l) {
				n++
			}
		}
		return n
	}
	require.Equal(t, 2, count(to("8080", "Begin")), "of the connection and of the request")
	require.Equal(t, 1, count(to("8080", "DownstreamEnd")))
	require.Equal(t, 0, count(to("8080", "TcpConnectionEnd")))
	require.Equal(t, 1, count(to("7", "Unread")))
}

// While nothing reads the proxy's log, lines of several writers wait. None gets into another one, although the module has more to write than the kernel takes in
// one piece.
func TestLinesOfSeveralWritersDoNotMix(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	w := &world{logs: toStderr(write)}
	hold, ended, written := make(chan struct{}), make(chan struct{}), &kit.Output{}
	go func() {
		defer close(ended)
		piece := make([]byte, 4096)
		for {
			n, err := read.Read(piece)
			_, _ = written.Write(piece[:n])
			if err != nil {
				return
			}
			if strings.Contains(string(piece[:n]), "/wait/") {
				<-hold
			}
		}
	}()
	w.build(t, following(t))
	w.record(t, w.peer, peer4)
	const each, most = 30, 4
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { // as another thread of Envoy does
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond / 4):
				_, _ = io.WriteString(write, `{"event":"other","text":"`+strings.Repeat("o", 200)+`"}`+"\n")
			}
		}
	}()
	for i := range each {
		c, err := w.dial(w.pod, "tcp", peer4+":8080")
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		fmt.Fprint(c, strings.Repeat(fmt.Sprintf("GET /wait/%d/%s HTTP/1.1\r\nHost: h\r\n\r\n", i, strings.Repeat("x", 3500)), most))
	}
	time.Sleep(500 * time.Millisecond) // the pipe fills
	close(hold)
	require.Eventually(t, func() bool { return strings.Count(written.String(), "/wait/") == each*most }, 2*waitLong, 10*waitStep)
	close(stop)
	<-stopped
	require.NoError(t, w.proxy.Process.Kill())
	_ = w.proxy.Wait()
	require.NoError(t, write.Close())
	<-ended
	lines := strings.SplitAfter(written.String(), "\n")
	for _, raw := range lines[:len(lines)-1] {
		require.True(t, strings.HasPrefix(raw, "E ") || json.Valid([]byte(raw)), "%q", raw)
	}
}

// toStderr takes the proxy's stderr.
func toStderr(to io.Writer) func(string) io.Writer {
	return func(stream string) io.Writer {
		if stream == "stdout" {
			return io.Discard
		}
		return to
	}
}

// Bytes whose line cannot be written do not go on.
func TestWhatTheModuleCannotWriteDoesNotPass(t *testing.T) {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	w := &world{logs: toStderr(write)}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	w.build(t, following(t))
	got := w.record(t, w.peer, peer4)
	c := w.connection(t, w.pod, "tcp", peer4, 8080)
	fmt.Fprint(c, "GET /passes HTTP/1.1\r\nHost: h\r\n\r\n")
	require.Contains(t, take(t, got).head, "/passes")
	c = w.connection(t, w.pod, "tcp", peer4, 8080)
	require.NoError(t, write.Close())
	require.NoError(t, read.Close())
	for i := range 3 {
		fmt.Fprintf(c, "GET /held/%d HTTP/1.1\r\nHost: h\r\n\r\n", i)
		time.Sleep(100 * time.Millisecond)
	}
	require.Empty(t, got)
}

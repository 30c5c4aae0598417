//go:build kernel

package envoy

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/decisions/envoy"
)

// filling is an attempt of a tenant to fill its proxy's memory: connections that make it hold what they sent, or what
// they do not read, until done is closed.
type filling struct {
	connections int
	one         func(w *world, c net.Conn, done <-chan struct{})
	from        func(w *world) ns.NetNS
	address     string
}

func out(w *world) ns.NetNS  { return w.pod }
func into(w *world) ns.NetNS { return w.peer }

// Where servers of the tenant's choice wait.
const (
	deaf4     = peer4 + ":7001" // never reads
	chatty4   = peer4 + ":7002" // reads a little, then writes without end
	silent4   = peer4 + ":7003" // reads all and never answers
	headers4  = peer4 + ":7004" // reads a little, then writes headers that do not end
	podDeaf   = pod4 + ":7001"
	podSilent = pod4 + ":7003"
	explicit4 = "127.0.0.1:13032"
)

func fillings() map[string]filling {
	return map[string]filling{
		"h2c uploads that nobody reads":          {400, uploadH2, out, deaf4},
		"h2c uploads that nobody reads, ingress": {400, uploadH2, into, podDeaf},
		"header lists to the explicit proxy":     {100, headerLists, out, explicit4},
		"header lists to a server":               {100, headerLists, out, silent4},
		"lists of short headers to a server":     {20, shortHeaderLists, out, silent4},
		"many header lists to a server":          {20, manyHeaderLists, out, silent4},
		"many header lists, ingress":             {20, manyHeaderLists, into, podSilent},
		"header lists and trailers":              {20, trailerLists, out, silent4},
		"header lists and trailers, ingress":     {20, trailerLists, into, podSilent},
		"short headers and trailers":             {20, shortTrailerLists, out, silent4},
		"TCP that nobody reads":                  {1000, raw, out, deaf4},
		"TCP that nobody reads, ingress":         {1000, raw, into, podDeaf},
		"TCP that the client does not read":      {1000, slow(unknown), out, chatty4},
		"HTTP/1 that the client does not read":   {1000, slow("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), out, chatty4},
		"HTTP/1 headers that wait":               {1000, headers1, out, silent4},
		"HTTP/1 uploads that nobody reads":       {1000, upload1, out, deaf4},
		"HTTP/1 long headers that wait":          {1000, longHeaders("\r\n"), out, silent4},
		"HTTP/1 headers without end":             {1000, longHeaders(""), into, podDeaf},
		"HTTP/1 many short headers":              {1000, shortHeaders, out, silent4},
		"HTTP/1 answers with headers":            {1000, slow("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), out, headers4},
	}
}

// The tenant may fill what it can: the proxy lives, and serves again at once.
func TestTheProxysMemoryIsBounded(t *testing.T) {
	for name, f := range fillings() {
		t.Run(name, func(t *testing.T) {
			w := caged(t, nil)
			f.run(t, w, 3*time.Second)
			require.Zero(t, w.cage.kills(t), "the proxy was killed")
			t.Log("peak", w.cage.read(t, w.cage.peak))
			require.Eventually(t, func() bool { return w.answers() }, 3*waitLong, 10*waitStep, "it serves again")
		})
	}
}

// Each port that a tenant asks from is a socket of the proxy for a while.
func TestTheProxysSocketsForNamesAreBounded(t *testing.T) {
	sockets := func(w *world) int {
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.proxy.Process.Pid))
		if err != nil {
			return math.MaxInt // it has ended
		}
		return len(open)
	}
	const bound = 4096
	for name, test := range map[string]struct {
		change func([]byte) []byte
		check  func(require.TestingT, any, any, ...any)
	}{
		"bounded": {nil, require.LessOrEqual},
		"not bounded": {func(config []byte) []byte {
			return bytes.ReplaceAll(config, []byte("max_connections: 4096"), []byte("max_connections: 4294967295"))
		}, require.Greater},
	} {
		t.Run(name, func(t *testing.T) {
			w := caged(t, test.change)
			w.resolver(t, echoed)
			before := sockets(w)
			for port := range bound + 2000 {
				w.askFrom(t, 20000+port)
				for range 20 { // a proxy that has no time yet would lose what its socket cannot hold
					if port%100 != 99 || sockets(w)-before >= min(port, bound-100) {
						break
					}
					time.Sleep(waitStep)
				}
			}
			test.check(t, sockets(w)-before, bound)
			require.Eventually(t, func() bool { return sockets(w)-before < bound/2 }, 3*waitLong, 10*waitStep, "they are given back")
			c := w.connection(t, w.pod, "udp", other4, 53)
			fmt.Fprint(c, "q")
			require.Equal(t, "answer to q", readResponse(t, c), "it serves again")
		})
	}
}

// askFrom sends one question from a port of the pod.
func (w *world) askFrom(t *testing.T, port int) {
	t.Helper()
	server := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(other4), 53))
	require.NoError(t, w.pod.Do(func(ns.NetNS) error {
		c, err := net.DialUDP("udp", &net.UDPAddr{Port: port}, server)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("question"))
		return err
	}))
}

// The same attempts end a proxy that is not bounded: the measure measures.
func TestAProxyThatIsNotBoundedIsKilled(t *testing.T) {
	for _, name := range []string{"h2c uploads that nobody reads", "header lists to the explicit proxy"} {
		t.Run(name, func(t *testing.T) {
			w := caged(t, unbounded)
			for range 6 { // a busy machine fills slowly
				if w.cage.kills(t) == 0 {
					fillings()[name].run(t, w, 5*time.Second)
				}
			}
			require.NotZero(t, w.cage.kills(t))
		})
	}
}

// The heap's size follows the limit that the webhook sets: with a small one, a proxy at rest is as good as full.
func TestTheHeapFollowsTheMemoryLimit(t *testing.T) {
	pressure := func(memory int64) int {
		w := &world{args: arguments(memory)}
		w.build(t, settings())
		var percent int
		require.Eventually(t, func() bool {
			response, err := w.adminClient().Get("http://admin/stats?filter=fixed_heap.pressure")
			if err != nil {
				return false
			}
			defer response.Body.Close()
			n, err := fmt.Fscanf(response.Body, "overload.envoy.resource_monitors.fixed_heap.pressure: %d", &percent)
			return err == nil && n == 1 && percent > 0
		}, waitLong, waitStep)
		return percent
	}
	require.Greater(t, pressure(32<<20), 4*pressure(sidecarMemory))
}

// caged is a world whose proxy has the sidecar's memory limit.
func caged(t *testing.T, change func([]byte) []byte) *world {
	t.Helper()
	w := &world{cage: newCage(t)}
	w.cage.change = change
	w.fillable(t, settings())
	return w
}

// fillable builds the world, with the servers of the fillings.
func (w *world) fillable(t *testing.T, s envoy.Settings) {
	t.Helper()
	w.build(t, s)
	for where, host := range map[ns.NetNS]string{w.peer: peer4, w.pod: pod4} {
		w.listen(t, where, host, 7001, func(net.Conn) { time.Sleep(tryLong) })
		w.listen(t, where, host, 7002, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); chatter(c) })
		w.listen(t, where, host, 7004, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1))
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-Long: "+strings.Repeat("x", 1000)+"\r\n", 77))
			_, _ = c.Read(make([]byte, 1<<10))
			time.Sleep(tryLong)
		})
		w.listen(t, where, host, 7003, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	}
	w.record(t, w.peer, peer4)
}

// unbounded gives the configuration of before back what it let a connection hold.
func unbounded(config []byte) []byte {
	tree := map[string]any{}
	if yaml.Unmarshal(config, &tree) != nil {
		return nil
	}
	delete(tree, "overload_manager")
	text, err := yaml.Marshal(tree)
	if err != nil {
		return nil
	}
	for now, before := range map[string]string{
		"initial_stream_window_size: 65536": "initial_stream_window_size: 131072", "initial_connection_window_size: 131072": "initial_connection_window_size: 1048576",
		"max_requests: 1024": "max_requests: 4294967295", "max_concurrent_streams: 256": "max_concurrent_streams: 100",
	} {
		text = bytes.ReplaceAll(text, []byte(now), []byte(before))
	}
	return text
}

// run makes all connections first, has all fill at the same moment, and ends them after a while.
func (f filling) run(t *testing.T, w *world, while time.Duration) {
	t.Helper()
	var all []net.Conn
	for range f.connections {
		c, err := w.dial(f.from(w), "tcp", f.address)
		if err != nil {
			break // refused, as it should be at some point
		}
		_ = c.SetDeadline(time.Now().Add(tryLong))
		all = append(all, c)
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	for _, c := range all {
		group.Go(func() { f.one(w, c, done) })
	}
	time.Sleep(while)
	close(done)
	for _, c := range all {
		_ = c.Close()
	}
	group.Wait()
}

// answers reports whether an ordinary request is answered.
func (w *world) answers() bool {
	c, err := w.dial(w.pod, "tcp", peer4+":8080")
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprint(c, "GET /ordinary HTTP/1.1\r\nHost: h\r\n\r\n")
	head := make([]byte, 64)
	n, _ := io.ReadAtLeast(c, head, len(head))
	return strings.Contains(string(head[:n]), " 299 ")
}

func chatter(w io.Writer) {
	_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
	block := make([]byte, 64<<10)
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func raw(_ *world, c net.Conn, _ <-chan struct{}) {
	fmt.Fprint(c, unknown)
	chatter(c)
}

func upload1(_ *world, c net.Conn, _ <-chan struct{}) {
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n")
	chatter(c)
}

func headers1(_ *world, c net.Conn, done <-chan struct{}) {
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n"+strings.Repeat("X-Long: "+strings.Repeat("x", 1000)+"\r\n", 58)+"\r\n")
	<-done
}

// longHeaders sends a head of almost the size that the proxy takes.
func longHeaders(end string) func(*world, net.Conn, <-chan struct{}) {
	return func(_ *world, c net.Conn, done <-chan struct{}) {
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n"+strings.Repeat("X-Long: "+strings.Repeat("x", 4000)+"\r\n", 310)+end)
		<-done
	}
}

// shortHeaders sends as many headers as the proxy takes, of few bytes.
func shortHeaders(_ *world, c net.Conn, done <-chan struct{}) {
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: h\r\n"+strings.Repeat("a:\r\n", 4000)+"\r\n")
	<-done
}

// slow asks and never reads.
func slow(question string) func(*world, net.Conn, <-chan struct{}) {
	return func(_ *world, c net.Conn, done <-chan struct{}) {
		fmt.Fprint(c, question)
		<-done
	}
}

// uploadH2 sends as much as the proxy's windows let it.
func uploadH2(_ *world, c net.Conn, done <-chan struct{}) {
	transport := &http2.Transport{AllowHTTP: true}
	client, err := transport.NewClientConn(c)
	if err != nil {
		return
	}
	var group sync.WaitGroup
	for range 10 { // a stream's window is smaller than the connection's
		group.Go(func() { upload(client, done) })
	}
	group.Wait()
}

func upload(client *http2.ClientConn, done <-chan struct{}) {
	body, send := io.Pipe()
	go func() { <-done; _ = send.Close() }()
	go chatter(send)
	request, err := http.NewRequest(http.MethodPost, "http://h/", body)
	if err != nil {
		return
	}
	response, err := client.RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
	}
}

func headerLists(_ *world, c net.Conn, done <-chan struct{}) {
	headerStreams(c, done, 100, 1, 14, long())
}
func manyHeaderLists(_ *world, c net.Conn, done <-chan struct{}) {
	headerStreams(c, done, 1000, 1, 14, long())
}
func trailerLists(_ *world, c net.Conn, done <-chan struct{}) {
	headerStreams(c, done, 512, 2, 14, long())
}

// shortHeaderLists sends as many headers as the proxy takes, each of which is one byte on the wire.
func shortHeaderLists(_ *world, c net.Conn, done <-chan struct{}) {
	headerStreams(c, done, 1000, 1, 120, hpack.HeaderField{Name: "a"})
}

func shortTrailerLists(_ *world, c net.Conn, done <-chan struct{}) {
	headerStreams(c, done, 512, 2, 120, hpack.HeaderField{Name: "a"})
}

func long() hpack.HeaderField {
	return hpack.HeaderField{Name: "x-long", Value: strings.Repeat("x", 4000)}
}

// headerStreams opens so many streams, each with one or two lists (headers, trailers) of so many headers that are few bytes on the wire: one
// entry of HPACK's table, named again and again.
func headerStreams(c net.Conn, done <-chan struct{}, streams uint32, lists, headers int, header hpack.HeaderField) {
	fmt.Fprint(c, http2.ClientPreface) // at once, or the connection is taken for TCP
	var wire bytes.Buffer
	framer := http2.NewFramer(&wire, nil)
	_ = framer.WriteSettings()
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for id := uint32(1); id < 2*streams; id += 2 {
		block.Reset()
		for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", net.JoinHostPort(peer4, "7003")}} {
			_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
		}
		for list := range lists {
			for range headers {
				_ = encoder.WriteField(header)
			}
			_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: list > 0})
			block.Reset()
		}
	}
	_, _ = c.Write(wire.Bytes())
	<-done
}

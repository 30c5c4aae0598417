package follow_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"data-space.liqo.io/pkg/decisions/follow"
)

// tap follows the bytes of a client's connection.
type tap struct {
	net.Conn
	mutex  *sync.Mutex
	follow *follow.Connection
	events *[]follow.Event
}

func (t *tap) Write(p []byte) (int, error) {
	t.mutex.Lock()
	*t.events = append(*t.events, t.follow.Sent(p)...)
	t.mutex.Unlock()
	return t.Conn.Write(p)
}

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mutex.Lock()
	*t.events = append(*t.events, t.follow.Answered(p[:n])...)
	t.mutex.Unlock()
	return n, err
}

// A real client and server of HTTP/2, with trailers, large headers, bodies both ways and many streams at once.
func TestRealHTTP2(t *testing.T) {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("X-Long", strings.Repeat("y", 8000))
		w.WriteHeader(400 + len(r.URL.Path))
		fmt.Fprint(w, strings.Repeat("z", int(n)))
		w.Header().Set("X-Sum", "1")
	}))
	server.Config.Protocols = &protocols
	server.Start()
	defer server.Close()
	var mutex sync.Mutex
	var events []follow.Event
	followed := &follow.Connection{}
	client := http.Client{Transport: &http.Transport{Protocols: &protocols, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &tap{c, &mutex, followed, &events}, err
	}}}
	const requests = 40
	var group sync.WaitGroup
	for i := range requests {
		group.Go(func() {
			body := strings.Repeat("b", 1000*i)
			request, err := http.NewRequest(http.MethodPut, server.URL+"/"+strings.Repeat("p", i), strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("X-Long", strings.Repeat("x", 300*i))
			answer, err := client.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			if got, err := io.ReadAll(answer.Body); err != nil || len(got) != len(body) {
				t.Error(len(got), err)
			}
		})
	}
	group.Wait()
	mutex.Lock()
	defer mutex.Unlock()
	paths := map[uint64]string{}
	ended := 0
	for _, e := range events {
		switch e.Kind {
		case follow.Began:
			require.Equal(t, http.MethodPut, e.Method)
			require.Equal(t, strings.TrimPrefix(server.URL, "http://"), e.Authority)
			paths[e.Exchange] = e.Path
		case follow.Ended:
			ended++
			path := paths[e.Exchange]
			require.Equal(t, 400+len(path), e.Status)
			require.EqualValues(t, 1000*(len(path)-1), e.RequestBytes)
			require.GreaterOrEqual(t, e.AnswerBytes, e.RequestBytes)
		default:
			require.Fail(t, "unread", "%+v", e)
		}
	}
	require.Len(t, paths, requests)
	require.Equal(t, requests, ended)
}

// frames writes what a side of HTTP/2 sends.
func frames(write func(f *http2.Framer, header func(fields ...string) []byte)) string {
	var out, block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	write(http2.NewFramer(&out, nil), func(fields ...string) []byte {
		block.Reset()
		for i := 0; i < len(fields); i += 2 {
			_ = encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
		}
		return bytes.Clone(block.Bytes())
	})
	return out.String()
}

const (
	noSettings    = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	clientPreface = http2.ClientPreface + noSettings
)

func TestHTTP2(t *testing.T) {
	request := []string{":method", "GET", ":scheme", "http", ":path", "/2", ":authority", "h"}
	for name, row := range map[string]struct {
		steps []step
		want  []string
	}{
		"padding, priority and continuation": {[]step{
			"> " + http2.ClientPreface + frames(func(f *http2.Framer, header func(...string) []byte) {
				h := header(request...)
				_ = f.WriteSettings()
				_ = f.WriteHeaders(http2.HeadersFrameParam{
					StreamID: 1, BlockFragment: h[:3], EndStream: true, PadLength: 9, Priority: http2.PriorityParam{StreamDep: 3, Weight: 2},
				})
				_ = f.WriteContinuation(1, false, h[3:5])
				_ = f.WriteContinuation(1, true, h[5:])
			}),
			"< " + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WriteSettings()
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header(":status", "103"), EndHeaders: true})
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header(":status", "404"), EndHeaders: true})
				_ = f.WriteDataPadded(1, true, []byte("abc"), make([]byte, 4))
			}),
		}, []string{"began 1 HTTP/2 GET h /2", "ended 1 404 0 8"}},
		"the server's settings come first": {[]step{
			"< " + frames(func(f *http2.Framer, _ func(...string) []byte) { _ = f.WriteSettings() }),
			"> " + clientPreface + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header(request...), EndHeaders: true, EndStream: true})
			}),
			"< " + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header(":status", "200"), EndHeaders: true, EndStream: true})
			}),
		}, []string{"began 1 HTTP/2 GET h /2", "ended 1 200 0 0"}},
		"by an upgrade": {[]step{
			"> GET /1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n",
			"< HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WriteSettings()
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header(":status", "200"), EndHeaders: true, EndStream: true})
			}),
			"> " + http2.ClientPreface + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WriteSettings()
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: header(request...), EndHeaders: true, EndStream: true})
				_ = f.WriteRSTStream(3, http2.ErrCodeCancel)
			}),
		}, []string{"began 1 HTTP/1.1 GET h /1", "ended 1 200 0 0", "began 2 HTTP/2 GET h /2", "ended 2 0 0 0"}},
		"a promise": {[]step{
			"> " + clientPreface + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header(request...), EndHeaders: true, EndStream: true})
			}),
			"< " + noSettings + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true, BlockFragment: header(request...)})
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2, BlockFragment: header(":status", "200"), EndHeaders: true, EndStream: true})
			}),
		}, []string{"began 1 HTTP/2 GET h /2", "began 2 HTTP/2 GET h /2", "ended 2 200 0 0", "ended 1 0 0 0"}},
		"a request on a stream below the last": {[]step{
			"> " + clientPreface + frames(func(f *http2.Framer, header func(...string) []byte) {
				for _, id := range []uint32{5, 3} {
					_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: header(request...), EndHeaders: true})
				}
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: header("trailer", "x"), EndHeaders: true, EndStream: true})
			}),
		}, []string{"began 1 HTTP/2 GET h /2", "began 2 HTTP/2 GET h /2", "ended 1 0 0 0", "ended 2 0 0 0"}},
		"a header block that is interrupted": {[]step{
			"> " + clientPreface + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header(request...)})
				_ = f.WritePing(false, [8]byte{})
			}),
		}, []string{"unread requests: " + follow.ReasonFrame}},
		"a header block of nonsense": {[]step{
			"> " + clientPreface + "\x00\x00\x01\x01\x04\x00\x00\x00\x01\xff",
		}, []string{"unread requests: " + follow.ReasonHeaderBlock}},
		"a field over its bound": {[]step{
			"> " + clientPreface + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header("x", strings.Repeat("x", 100<<10)), EndHeaders: true})
			}),
		}, []string{"unread requests: " + follow.ReasonHeaderBlock}},
		"a client that sends no settings": {[]step{
			"> " + http2.ClientPreface + "\x47\x45\x54\x20/xyz GET /hidden HTTP/1.1\r\n\r\n",
		}, []string{"unread requests: " + follow.ReasonFrame}},
		"a server that does not speak it": {[]step{
			"> " + clientPreface + "\x47\x45\x54\x20/xyz GET /hidden HTTP/1.1\r\n\r\n",
			"< HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
		}, []string{"unread requests: " + follow.ReasonFrame, "unread answers: " + follow.ReasonFrame}},
		"an empty line before it": {[]step{"> \r\n" + clientPreface}, []string{"unread requests: " + follow.ReasonNotHTTP}},
		"an answer on a stream without a request": {[]step{
			"> " + clientPreface,
			"< " + noSettings + frames(func(f *http2.Framer, header func(...string) []byte) {
				_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header(":status", "200"), EndHeaders: true, EndStream: true})
			}),
		}, []string{"unread answers: " + follow.ReasonUnknownStream}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, strings.Join(row.want, "\n"), shown(play(&follow.Connection{}, row.steps, whole)))
			require.Equal(t, strings.Join(row.want, "\n"), shown(play(&follow.Connection{}, row.steps, bytewise)), "byte by byte")
		})
	}
}

// clientHello is what a real client sends first.
func clientHello(t *testing.T, name string) string {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		_ = tls.Client(theirs, &tls.Config{ServerName: name, InsecureSkipVerify: name == ""}).Handshake()
	}()
	data := make([]byte, 16<<10)
	n, err := ours.Read(data)
	require.NoError(t, err)
	return string(data[:n])
}

func TestTLS(t *testing.T) {
	const unread = "\nunread requests: TLS\nunread answers: TLS"
	hello := clientHello(t, "hospital.example")
	// The same message in two records, as a client may send it to hide from those that read one only.
	split := hello[:3] + "\x00\x10" + hello[5:21] + hello[:3] + string([]byte{byte((len(hello) - 21) >> 8), byte(len(hello) - 21)}) + hello[21:]
	for _, pieces := range []func(string) []string{whole, bytewise} {
		require.Equal(t, "named hospital.example"+unread, shown(play(&follow.Connection{}, []step{"> " + hello + "more"}, pieces)))
		require.Equal(t, "named hospital.example"+unread, shown(play(&follow.Connection{}, []step{"> " + split}, pieces)))
		require.Equal(t, "named "+unread, shown(play(&follow.Connection{}, []step{"> " + clientHello(t, "")}, pieces)))
		require.Equal(t, "named "+unread, shown(play(&follow.Connection{}, []step{"> " + hello[:100], "< x"}, pieces)), "answered before it is whole")
		require.Equal(t, "unread requests: "+follow.ReasonNotHTTP, shown(play(&follow.Connection{}, []step{"> \x16\x09\x01\x00\x05hello"}, pieces)))
	}
}

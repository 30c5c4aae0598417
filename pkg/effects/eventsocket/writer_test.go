package eventsocket

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/websocket"
)

const waitLong = 60 * time.Second

// handshake is a request for a websocket, with more headers.
func handshake(more string) string {
	return "GET /watch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + more + "\r\n"
}

// answering serves websockets whose answers f writes. It returns the client's end of a connection on which the handshake was sent, and what is closed when the first has ended.
func answering(t *testing.T, more string, prepare func(*Writer), f func(ctx context.Context, w http.ResponseWriter)) (net.Conn, *bufio.Reader, <-chan struct{}) {
	t.Helper()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		if err := Unfit(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		ctx, gone := context.WithCancel(r.Context())
		defer gone()
		writer := New(w, r, func() bool { return r.Header.Get("Plain") == "" }, gone)
		defer writer.End()
		prepare(writer)
		f(ctx, writer)
	}))
	t.Cleanup(server.Close)
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
	_, err = io.WriteString(c, handshake(more))
	require.NoError(t, err)
	return c, bufio.NewReader(c), ended
}

// answer reads the head of an answer, and the body of one that is no websocket.
func answer(t *testing.T, in *bufio.Reader) (code int, header http.Header, body string) {
	t.Helper()
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		body = string(text)
	}
	return response.StatusCode, response.Header, body
}

// requireOpen reads the answer to a handshake.
func requireOpen(t *testing.T, in *bufio.Reader) http.Header {
	t.Helper()
	code, header, body := answer(t, in)
	require.Equal(t, http.StatusSwitchingProtocols, code, body)
	return header
}

// frame reads one frame of the server's.
func frame(t *testing.T, in *bufio.Reader) (head byte, payload string) {
	t.Helper()
	var begin [2]byte
	_, err := io.ReadFull(in, begin[:])
	require.NoError(t, err)
	length := int(begin[1])
	require.Less(t, length, 127, "no frame needs eight bytes for its length, and none is masked")
	if length == 126 {
		var two [2]byte
		_, err := io.ReadFull(in, two[:])
		require.NoError(t, err)
		length = int(binary.BigEndian.Uint16(two[:]))
	}
	text := make([]byte, length)
	_, err = io.ReadFull(in, text)
	require.NoError(t, err)
	return begin[0], string(text)
}

// send writes one frame of the client's, masked with zeros.
func send(c net.Conn, opcode byte, length int) error {
	head := binary.BigEndian.AppendUint64([]byte{0x80 | opcode, 0x80 | 127}, uint64(length))
	if length <= 125 {
		head = []byte{0x80 | opcode, 0x80 | byte(length)}
	}
	_, err := c.Write(append(append(head, 0, 0, 0, 0), make([]byte, length)...))
	return err
}

func unprepared(*Writer) {}

func TestEachEventIsOneMessage(t *testing.T) {
	long, exact := strings.Repeat("é", mostFrame), strings.Repeat("y", mostFrame)
	_, in, ended := answering(t, "Origin: https://x\r\nSec-WebSocket-Protocol: base64.binary.k8s.io\r\n", unprepared, func(_ context.Context, w http.ResponseWriter) {
		w.WriteHeader(http.StatusOK)
		for _, part := range []string{"one\ntwo", "\n", strings.Repeat("x", 200) + "\n", long, "\n", exact, "\nlast\n"} {
			_, err := io.WriteString(w, part)
			if err != nil {
				t.Error(err)
			}
			require.NoError(t, http.NewResponseController(w).Flush())
		}
	})
	require.Equal(t, "base64.binary.k8s.io", requireOpen(t, in).Get("Sec-WebSocket-Protocol"))
	for _, want := range []string{"one", "two", strings.Repeat("x", 200), long, exact, "last"} {
		message := ""
		for opcode := byte(websocket.TextFrame); ; opcode = websocket.ContinuationFrame {
			head, part := frame(t, in)
			require.Equal(t, opcode, head&0x0f)
			require.LessOrEqual(t, len(part), mostFrame)
			message += part
			if head&0x80 != 0 {
				break
			}
		}
		require.Len(t, message, len(want)+1)
		require.Equal(t, want+"\n", message)
	}
	head, _ := frame(t, in)
	require.Equal(t, byte(0x80|websocket.CloseFrame), head)
	_, err := in.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	<-ended
}

func TestAnotherAnswerGoesThrough(t *testing.T) {
	for more, want := range map[string]int{
		"Origin: https://x\r\nPlain: yes\r\n": http.StatusOK, "Origin: https://x\r\nRefused: yes\r\n": http.StatusForbidden,
		"": http.StatusBadRequest, "Origin: x\r\n": http.StatusBadRequest, "Origin: https://x\r\nSec-WebSocket-Protocol: a, b\r\n": http.StatusBadRequest,
		"Origin: https://x\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n": http.StatusBadRequest, "Origin: https://x\r\nSec-WebSocket-Version: 8\r\nPlain: yes\r\n": http.StatusOK,
	} {
		_, in, ended := answering(t, more, unprepared, func(_ context.Context, w http.ResponseWriter) {
			answer := http.StatusOK
			if strings.Contains(more, "Refused") {
				answer = http.StatusForbidden
			}
			w.WriteHeader(answer)
			fmt.Fprint(w, "text")
		})
		code, _, body := answer(t, in)
		require.Equal(t, want, code, "%q", more)
		require.NotEmpty(t, body)
		<-ended
	}
}

// idle is an answer without events, until the client has left.
func idle(t *testing.T) func(context.Context, http.ResponseWriter) {
	return func(ctx context.Context, w http.ResponseWriter) {
		w.WriteHeader(http.StatusOK)
		select {
		case <-ctx.Done():
		case <-time.After(waitLong):
			t.Error("the answer goes on")
		}
	}
}

func TestWhatTheClientSendsIsDroppedUpToABound(t *testing.T) {
	c, in, ended := answering(t, "Origin: https://x\r\n", unprepared, idle(t))
	requireOpen(t, in)
	require.NoError(t, send(c, websocket.TextFrame, 100<<10))
	require.NoError(t, send(c, websocket.PingFrame, 5))
	head, text := frame(t, in)
	require.Equal(t, byte(0x80|websocket.PongFrame), head, "it is read")
	require.Len(t, text, 5)
	for range 3 * mostFromClient / (100 << 10) {
		if send(c, websocket.BinaryFrame, 100<<10) != nil {
			break
		}
	}
	<-ended
}

func TestAClientThatLeavesEndsTheAnswer(t *testing.T) {
	for what, leave := range map[string]func(net.Conn) error{
		"closes":      func(c net.Conn) error { return send(c, websocket.CloseFrame, 0) },
		"disconnects": net.Conn.Close,
		"unmasked":    func(c net.Conn) error { _, err := c.Write([]byte{0x81, 1, 'x'}); return err },
		"half a head": func(c net.Conn) error { _, err := c.Write([]byte{0x81}); c.Close(); return err },
	} {
		c, in, ended := answering(t, "Origin: https://x\r\n", unprepared, idle(t))
		requireOpen(t, in)
		require.NoError(t, leave(c), what)
		<-ended
	}
}

// A client that reads nothing and sends pings is not read for ever: the answers to its pings wait for the event.
func TestAClientThatReadsNothingEndsTheAnswer(t *testing.T) {
	c, _, ended := answering(t, "Origin: https://x\r\n", func(w *Writer) { w.conn.patience = time.Second }, func(_ context.Context, w http.ResponseWriter) {
		w.WriteHeader(http.StatusOK)
		for err := error(nil); err == nil; {
			_, err = io.WriteString(w, strings.Repeat("x", 1<<20))
		}
	})
	stop := make(chan struct{})
	pinging := make(chan struct{})
	go func() {
		defer close(pinging)
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				_ = send(c, websocket.PingFrame, 0)
			}
		}
	}()
	<-ended
	close(stop)
	<-pinging
}

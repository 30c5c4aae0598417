package eventsocket

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/websocket"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

// Bounds of one websocket.
const (
	mostFrame      = 32 << 10         // of an event, bytes that are held; a longer event is one message of several frames
	mostFromClient = 1 << 20          // bytes that a client sends: pings, and a close
	writeTimeout   = 60 * time.Second // of a client that reads nothing
	smallLine      = 4 << 10          // bytes that an idle websocket may keep for its next event
)

// Unfit returns why a request cannot become a websocket; nil: it can. It refuses what the API server refuses.
func Unfit(r *http.Request) error {
	switch {
	case r.ProtoMajor != 1 || !wsstream.IsWebSocketRequest(r):
		return errors.New("the request does not ask for a websocket over HTTP/1.1")
	case r.Header.Get("Sec-WebSocket-Key") == "" || r.Header.Get("Sec-WebSocket-Version") != "13":
		return errors.New("the websocket needs Sec-WebSocket-Key, and Sec-WebSocket-Version 13")
	case len(r.Header.Values(wsstream.WebSocketProtocolHeader)) > 1 || bytes.ContainsRune([]byte(r.Header.Get(wsstream.WebSocketProtocolHeader)), ','):
		return errors.New("the websocket has several subprotocols; offer one")
	}
	if origin, err := websocket.Origin(&websocket.Config{Version: websocket.ProtocolVersionHybi13}, r); err != nil || origin == nil {
		return errors.New("the websocket needs the header Origin, which is a URL")
	}
	return nil
}

// Writer writes the answer to a request that asks for a websocket. An answer with code 200 is a stream of events, each a line, and becomes a websocket; any other,
// also one that takes over the connection itself, goes through as it is. One goroutine writes.
type Writer struct {
	http.ResponseWriter
	request *http.Request
	events  func() bool
	gone    func()
	conn    *conn // its bounds, and the connection once the answer has become a websocket

	socket *websocket.Conn // nil: the answer has not become a websocket
	failed error
	ended  chan struct{} // is closed when the client is not read any more
	line   []byte        // what is held of an event
	within bool          // frames of the event have been sent
}

// New returns a writer for a request that is not Unfit. events reports, when an answer with code 200 begins, whether it is a stream of events; gone runs once the client has
// left or has sent too much. The caller calls End.
func New(w http.ResponseWriter, r *http.Request, events func() bool, gone func()) *Writer {
	return &Writer{ResponseWriter: w, request: r, events: events, gone: gone, conn: &conn{left: mostFromClient, patience: writeTimeout}}
}

// WriteHeader implements http.ResponseWriter.
func (w *Writer) WriteHeader(code int) {
	if code != http.StatusOK || !w.events() {
		w.ResponseWriter.WriteHeader(code)
		return
	}
	raw, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		w.failed = err
		w.ResponseWriter.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.open(raw, buffered.Reader)
}

// open has the library answer the handshake and read the client, which also answers pings.
func (w *Writer) open(raw net.Conn, sent *bufio.Reader) {
	w.conn.Conn, w.ended = raw, make(chan struct{})
	early, _ := sent.Peek(sent.Buffered()) // it is there
	opened := make(chan *websocket.Conn, 1)
	connection := hijacked{w.ResponseWriter, w.conn, bufio.NewReadWriter(bufio.NewReader(io.MultiReader(bytes.NewReader(early), w.conn)), bufio.NewWriter(w.conn))}
	go func() {
		defer close(w.ended)
		defer w.gone()
		defer close(opened)
		websocket.Handler(func(socket *websocket.Conn) {
			opened <- socket
			_, _ = io.Copy(io.Discard, socket) // until it leaves, or has sent too much
		}).ServeHTTP(connection, w.request)
	}()
	if w.socket = <-opened; w.socket == nil {
		w.failed = errors.New("the client has left during the handshake")
	}
}

// Write implements io.Writer. It sends whole events; of a long one, what would be too much to hold.
func (w *Writer) Write(text []byte) (int, error) {
	switch {
	case w.failed != nil:
		return 0, w.failed
	case w.socket == nil:
		return w.ResponseWriter.Write(text)
	}
	all := len(text)
	for len(text) > 0 {
		piece := text[:min(len(text), mostFrame-len(w.line))]
		at := bytes.IndexByte(piece, '\n')
		if at >= 0 {
			piece = piece[:at+1]
		}
		w.line, text = append(w.line, piece...), text[len(piece):]
		if at >= 0 || len(w.line) == mostFrame {
			if w.failed = w.frame(at >= 0); w.failed != nil {
				return 0, w.failed
			}
		}
	}
	return all, nil
}

// frame sends what is held: the end of an event, or a part of it.
func (w *Writer) frame(last bool) error {
	const text, final, twoBytes, mostInOne = websocket.TextFrame, 0x80, 126, 125
	head := []byte{text, byte(min(len(w.line), twoBytes))}
	if w.within {
		head[0] = websocket.ContinuationFrame
	}
	if last {
		head[0] |= final
	}
	if len(w.line) > mostInOne {
		head = binary.BigEndian.AppendUint16(head, uint16(len(w.line))) //nolint:gosec // at most mostFrame
	}
	_, err := w.conn.Write(append(head, w.line...))
	w.within = !last
	if w.line = w.line[:0]; cap(w.line) > smallLine {
		w.line = nil
	}
	return err
}

// Flush implements http.Flusher. Events of a websocket do not wait.
func (w *Writer) Flush() {
	if w.ended == nil {
		_ = http.NewResponseController(w.ResponseWriter).Flush() // as the writer behind it can
	}
}

// Unwrap lets http.ResponseController find what the writer behind it can.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// End closes the websocket, if there is one, and waits until nothing of it is left.
func (w *Writer) End() {
	if w.ended == nil {
		return
	}
	if w.socket != nil && w.failed == nil && !w.within {
		_ = w.socket.Close() // with a frame that says so; an error: the client has left
	}
	_ = w.conn.Close() // as before
	<-w.ended
}

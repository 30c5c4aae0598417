package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"data-space.liqo.io/test/accept"
)

// mirror is a server that answers each HTTP/1 request with the very bytes that it received, or as the path asks.
func mirror(address string) error {
	return serve(address, func(c net.Conn, in *bufio.Reader) {
		for reflect(c, in) {
		}
	})
}

// serve calls talk for each connection and closes the connection when talk returns. It returns only with an error.
func serve(address string, talk func(c net.Conn, in *bufio.Reader)) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return accept.Each(l, func(c net.Conn) { talk(c, bufio.NewReader(c)) })
}

// reflect serves one request; it returns false when the connection is to be closed.
func reflect(c net.Conn, in *bufio.Reader) bool {
	head, ok := readHead(in)
	if !ok {
		return false
	}
	words := append(strings.Fields(head), "", "")
	method, target := words[0], words[1]
	path, _, _ := strings.Cut(target[strings.LastIndex(target, "/")+1:], "?")
	if path == "early413" {
		fmt.Fprint(c, "HTTP/1.1 413 Too Much\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
		return false
	}
	if strings.EqualFold(field(head, "Expect"), "100-continue") {
		fmt.Fprint(c, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	body := readBody(in, head)
	if answer, known := answers()[path]; known {
		answer(c, in)
		return path != "close" && path != "upgrade"
	}
	seen := padded(head + body)
	fmt.Fprintf(c, "HTTP/1.1 200 As Asked\r\nX-CaSe: Kept\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", len(seen))
	if method != "HEAD" {
		fmt.Fprint(c, seen)
	}
	return !strings.Contains(head, "HTTP/1.0\r\n") && !strings.EqualFold(field(head, "Connection"), "close")
}

// answers are the answers that a path asks for.
func answers() map[string]func(c net.Conn, in io.Reader) {
	fixed := func(text string) func(net.Conn, io.Reader) {
		return func(c net.Conn, _ io.Reader) { fmt.Fprint(c, text) }
	}
	return map[string]func(net.Conn, io.Reader){
		"204":      fixed("HTTP/1.1 204 Nothing\r\nX-Empty: \r\n\r\n"),
		"redirect": fixed("HTTP/1.1 302 Found\r\nLocation: /get\r\nContent-Length: 0\r\n\r\n"),
		"cookies":  fixed("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\nContent-Length: 0\r\n\r\n"),
		"chunked":  fixed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;x=y\r\none\r\n03\r\ntwo\r\n0\r\nX-Sum: 6\r\n\r\n"),
		"trailers": fixed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\none\r\n0\r\nX-Sum: 6\r\n\r\n"),
		"close":    fixed("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end"),
		"gzip":     fixed("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\xc8\x04\x00\xac*\x93\xd8\x02\x00\x00\x00"),
		"hints":    fixed("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
		"odd":      fixed("HTTP/1.1 299 Quite  Fine\r\nX_Odd!#$: 1\r\nx-twice: 1\r\nx-TWICE: 2\r\nContent-Length: 2\r\n\r\nhi"),
		"many": func(c net.Conn, _ io.Reader) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\n")
			for i := range 120 {
				fmt.Fprintf(c, "X-H-%d: %d\r\n", i, i)
			}
			fmt.Fprint(c, "Content-Length: 0\r\n\r\n")
		},
		"large": func(c net.Conn, _ io.Reader) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-Large: %s\r\nContent-Length: 0\r\n\r\n", strings.Repeat("x", 70<<10))
		},
		"sse": func(c net.Conn, _ io.Reader) {
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
			for i := range 3 {
				fmt.Fprintf(c, "f\r\ndata: event %d\n\n\r\n", i)
				time.Sleep(30 * time.Millisecond)
			}
			fmt.Fprint(c, "0\r\n\r\n")
		},
		"late": func(c net.Conn, _ io.Reader) {
			time.Sleep(500 * time.Millisecond)
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
		},
		"upgrade": func(c net.Conn, in io.Reader) {
			fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: mllp/1\r\n\r\n")
			_, _ = io.Copy(c, in)
		},
	}
}

func readHead(in *bufio.Reader) (string, bool) {
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", false
		}
		head += line
	}
	return head, true
}

// readBody returns the body as it is meant: where chunks begin is the sender's choice.
func readBody(in *bufio.Reader, head string) string {
	if strings.Contains(strings.ToLower(field(head, "Transfer-Encoding")), "chunked") {
		body, err := io.ReadAll(httputil.NewChunkedReader(in))
		trailer, _ := in.ReadString('\n')
		return fmt.Sprintf("chunks: %s%v%q\n", shown(body), err, trailer)
	}
	n, _ := strconv.Atoi(field(head, "Content-Length"))
	body := make([]byte, n)
	got, _ := io.ReadFull(in, body)
	return shown(body[:got])
}

// padded has blank lines follow, so that the length of an answer does not depend on a few bytes of the request.
func padded(text string) string { return text + strings.Repeat("\n", 4096-len(text)%4096) }

// shown is the body, or its length where it is a long one.
func shown(body []byte) string {
	if len(body) > 1000 {
		return fmt.Sprintf("%d bytes", len(body))
	}
	return string(body)
}

func field(head, name string) string {
	for line := range strings.Lines(head) {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

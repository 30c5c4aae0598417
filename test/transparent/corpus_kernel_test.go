//go:build kernel

package transparent

import (
	"fmt"
	"strings"
)

// exchange is one request and its answer, as bytes that real clients and servers send and accept.
type exchange struct {
	name     string
	request  string
	response string // where piece is in it, the server waits for after again
	closes   bool   // the server closes after its answer
	cut      bool   // the end is all that shows that the answer is not complete
	after    string // the server answers when it has received this; empty: the end of the head
}

const piece = "<piece>"

const (
	plainGet = "GET /patients HTTP/1.1\r\nHost: hospital\r\n\r\n"
	plainOK  = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
)

// get is a request with further header lines.
func get(lines ...string) string {
	return "GET /patients HTTP/1.1\r\nHost: hospital\r\n" + join(lines) + "\r\n"
}

func post(body string, lines ...string) string {
	return "POST /patients HTTP/1.1\r\nHost: hospital\r\n" + join(lines) + "\r\n" + body
}

// answer is a response with further header lines.
func answer(body string, lines ...string) string {
	return "HTTP/1.1 200 OK\r\n" + join(lines) + "\r\n" + body
}

func join(lines []string) string {
	var all strings.Builder
	for _, line := range lines {
		all.WriteString(line + "\r\n")
	}
	return all.String()
}

// many returns count header lines.
func many(count, size int) []string {
	var lines []string
	for i := range count {
		lines = append(lines, fmt.Sprintf("X-Number-%d: %s", i, strings.Repeat("x", size)))
	}
	return lines
}

// corpus is what real HTTP/1 clients and servers send that strict parsers, normalising proxies and small limits do not pass on.
func corpus() []exchange {
	return append(append(requests(), upgrades()...), responses()...)
}

func requests() []exchange {
	long := strings.Repeat("a", 70<<10)
	return []exchange{
		{name: "GET", request: plainGet, response: plainOK},
		{name: "header order and case", request: get("b: 2", "A: 1", "x-MiXed: 3", "A: 4", "Accept:*/*", "Empty:", "Spaces:   v  "), response: plainOK},
		{name: "Host in lower case, not first", request: "GET / HTTP/1.1\r\naccept: */*\r\nhost: hospital:80\r\n\r\n", response: plainOK},
		{name: "path with dots and double slashes", request: "GET /a//b/../c%2Fd/./e?q=1&q=%zz HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "path with bytes over 127", request: "GET /ä HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "path with odd characters", request: "GET /<>\"{}|\\^`[] HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "query alone", request: "GET ?q HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "fragment in the target", request: "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "OPTIONS *", request: "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "absolute form", request: "GET http://other.example/x HTTP/1.1\r\nHost: other.example\r\nProxy-Connection: keep-alive\r\n\r\n", response: plainOK},
		{name: "absolute form, without Proxy-Connection", request: "GET http://other.example/x HTTP/1.1\r\nHost: other.example\r\n\r\n", response: plainOK},
		{name: "absolute form, https", request: "GET https://other.example/x HTTP/1.1\r\nHost: other.example\r\n\r\n", response: plainOK},
		{name: "absolute form, ftp", request: "GET ftp://other.example/x HTTP/1.1\r\nHost: other.example\r\n\r\n", response: plainOK},
		{name: "CONNECT", request: "CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n", response: "HTTP/1.1 200 Connection established\r\n\r\nbytes"},
		{name: "CONNECT refused", request: "CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n", response: "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"},
		{name: "own method", request: "FROBNICATE / HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "WebDAV method", request: "PROPFIND / HTTP/1.1\r\nHost: h\r\nDepth: 1\r\nContent-Length: 0\r\n\r\n", response: "HTTP/1.1 207 Multi-Status\r\nContent-Length: 2\r\n\r\nhi"},
		{name: "PURGE", request: "PURGE /x HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "QUERY", request: "QUERY /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nq1", response: plainOK},
		{name: "method in lower case", request: "get / HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "method with odd characters", request: "M-SEARCH!x / HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "1.1 without Host", request: "GET / HTTP/1.1\r\n\r\n", response: plainOK},
		{name: "empty Host", request: "GET / HTTP/1.1\r\nHost:\r\n\r\n", response: plainOK},
		{name: "Host with an underscore", request: "GET / HTTP/1.1\r\nHost: my_app:8080\r\n\r\n", response: plainOK},
		{name: "Host twice", request: "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", response: plainOK},
		{name: "HTTP/1.0", request: "GET /ten HTTP/1.0\r\nHost: h\r\n\r\n", response: "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nbody", closes: true},
		{name: "HTTP/1.0 without Host", request: "GET /ten HTTP/1.0\r\n\r\n", response: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", closes: true},
		{name: "HTTP/1.0 keep-alive", request: "GET /ten HTTP/1.0\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n", response: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi"},
		{name: "HTTP/0.9", request: "GET /nine\r\n", response: "body", closes: true, after: "\r\n"},
		{name: "HTTP/1.2", request: "GET / HTTP/1.2\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "bare LF", request: "GET / HTTP/1.1\nHost: h\n\n", response: plainOK, after: "\n\n"},
		{name: "empty line before the request", request: "\r\n" + plainGet, response: plainOK, after: plainGet},
		{name: "obsolete line folding", request: get("X-Long: a", " b", "\tc"), response: plainOK},
		{name: "space before the colon", request: get("X-Odd : a"), response: plainOK},
		{name: "odd header names", request: get("X.Dot: 1", "X_Under: 2", "X!#$%&'*+^`|~: 3", "1: 4"), response: plainOK},
		{name: "header name with a bracket", request: get("X[0]: 1"), response: plainOK},
		{name: "header value with bytes over 127", request: get("X-Name: Müller", "X-Latin: M\xfcller"), response: plainOK},
		{name: "header value with control characters", request: get("X-Bell: a\x07b", "X-Tab: a\tb"), response: plainOK},
		{name: "Cookie twice", request: get("Cookie: a=1", "Cookie: b=2"), response: plainOK},
		{name: "proxies' own headers", request: get("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: a", "Forwarded: for=192.0.2.1", "Via: 1.1 a", "X-Request-Id: 7", "X-Envoy-Attempt-Count: 1", "X-B3-TraceId: 1"), response: plainOK},
		{name: "hop-by-hop headers", request: get("Connection: keep-alive, X-Own", "Keep-Alive: timeout=5", "X-Own: 1", "Proxy-Authorization: Basic eA==", "TE: trailers, deflate"), response: plainOK},
		{name: "Connection: close", request: get("Connection: close"), response: answer("hi", "Connection: close", "Content-Length: 2"), closes: true},
		{name: "120 headers", request: get(many(120, 10)...), response: plainOK},
		{name: "1,000 headers", request: get(many(1000, 10)...), response: plainOK},
		{name: "70 KiB in one header", request: get("X-Long: " + long), response: plainOK},
		{name: "250 KiB of headers", request: get(many(25, 10<<10)...), response: plainOK},
		{name: "70 KiB of path", request: "GET /" + long + " HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "15 KiB of path", request: "GET /" + long[:15<<10] + " HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "POST", request: post("hi", "Content-Length: 2"), response: plainOK, after: "\r\n\r\nhi"},
		{name: "POST without length", request: post(""), response: plainOK},
		{name: "GET with a body", request: get("Content-Length: 2") + "hi", response: plainOK, after: "\r\n\r\nhi"},
		{name: "DELETE with a body", request: "DELETE /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", response: plainOK, after: "\r\n\r\nhi"},
		{name: "HEAD", request: "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n", response: "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"},
		{name: "TRACE", request: "TRACE /x HTTP/1.1\r\nHost: h\r\n\r\n", response: plainOK},
		{name: "Content-Length twice, equal", request: post("hi", "Content-Length: 2", "Content-Length: 2"), response: plainOK, after: "\r\n\r\nhi"},
		{name: "Content-Length as a list", request: post("hi", "Content-Length: 2, 2"), response: plainOK, after: "\r\n\r\nhi"},
		{name: "Content-Length and chunked", request: post("2\r\nhi\r\n0\r\n\r\n", "Content-Length: 12", "Transfer-Encoding: chunked"), response: plainOK, after: "0\r\n\r\n"},
		{name: "chunked", request: post("2\r\nhi\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), response: plainOK, after: "0\r\n\r\n"},
		{name: "chunked, upper case and leading zeros", request: post("002\r\nhi\r\nA\r\n0123456789\r\n0\r\n\r\n", "Transfer-Encoding: Chunked"), response: plainOK, after: "0\r\n\r\n"},
		{name: "chunk extensions", request: post("2;a=b;c=\"d\"\r\nhi\r\n0;last\r\n\r\n", "Transfer-Encoding: chunked"), response: plainOK, after: "last\r\n\r\n"},
		{name: "trailers", request: post("2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: X-Sum"), response: plainOK, after: "Sum: 1\r\n\r\n"},
		{name: "chunked twice", request: post("2\r\nhi\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), response: plainOK, after: "0\r\n\r\n"},
		{name: "gzip, chunked", request: post("2\r\nhi\r\n0\r\n\r\n", "Transfer-Encoding: gzip, chunked"), response: plainOK, after: "0\r\n\r\n"},
		{name: "identity", request: post("hi", "Transfer-Encoding: identity", "Content-Length: 2"), response: plainOK, after: "\r\n\r\nhi"},
		{name: "pipelined", request: plainGet + strings.Replace(plainGet, "patients", "second", 1), response: plainOK + piece + strings.Replace(plainOK, "hi", "ho", 1)},
	}
}

// upgrades begin another protocol on the connection, or offer to.
func upgrades() []exchange {
	var all []exchange
	offer := func(token string, lines ...string) string {
		return get(append([]string{"Connection: Upgrade", "Upgrade: " + token}, lines...)...)
	}
	for _, token := range []string{"TLS/1.2", "websocket", "WebSocket", "h2c", "TLS/1.0, HTTP/1.1", "tcp", "SPDY/3.1", "HTTP/2.0", "own/1", "connect-udp", "IRC/6.9, RTA/x11"} {
		all = append(all,
			exchange{name: "upgrade to " + token + ", not taken", request: offer(token), response: plainOK},
			exchange{name: "upgrade to " + token + ", taken", request: offer(token), response: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + token + "\r\n\r\nbytes \x00\x01 follow"},
		)
	}
	for _, status := range []string{"302 Found", "400 Bad Request", "404 Not Found", "500 Oops"} {
		all = append(all, exchange{name: "websocket refused, " + status, request: offer("websocket"), response: "HTTP/1.1 " + status + "\r\nContent-Length: 2\r\n\r\nno"})
	}
	return append(all,
		exchange{name: "Apache HttpClient 5.4", request: "GET / HTTP/1.1\r\nAccept-Encoding: gzip, x-gzip, deflate\r\nHost: h\r\nConnection: keep-alive\r\nUpgrade: TLS/1.2\r\nConnection: Upgrade\r\nUser-Agent: Apache-HttpClient/5.4\r\n\r\n", response: plainOK},
		exchange{name: "upgrade with a body", request: post("hi", "Connection: Upgrade", "Upgrade: TLS/1.2", "Content-Length: 2"), response: plainOK, after: "\r\n\r\nhi"},
		exchange{name: "upgrade with a chunked body", request: post("2\r\nhi\r\n0\r\n\r\n", "Connection: Upgrade", "Upgrade: TLS/1.2", "Transfer-Encoding: chunked"), response: plainOK, after: "0\r\n\r\n"},
		exchange{name: "upgrade to h2c by Java's HttpClient", request: offer("h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA"), response: plainOK},
		exchange{name: "upgrade required", request: get(), response: "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\nContent-Length: 0\r\n\r\n"},
		exchange{name: "upgrade offered by the server", request: get(), response: answer("hi", "Connection: Upgrade", "Upgrade: h2,h2c", "Content-Length: 2")},
		exchange{name: "Upgrade without Connection", request: get("Upgrade: TLS/1.2"), response: plainOK},
		exchange{name: "pipelined after an upgrade that is not taken", request: offer("TLS/1.2") + plainGet, response: plainOK + piece + plainOK},
	)
}

func responses() []exchange {
	long := strings.Repeat("a", 70<<10)
	ask := func(name, response string) exchange {
		return exchange{name: name, request: plainGet, response: response}
	}
	until := func(name, response string) exchange {
		return exchange{name: name, request: plainGet, response: response, closes: true}
	}
	return []exchange{
		ask("response: header order and case", answer("hi", "b: 2", "A: 1", "x-MiXed: 3", "A: 4", "Empty:", "Spaces:   v  ", "Server: own/1", "Date: today", "Content-Length: 2")),
		ask("response: no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi"),
		ask("response: empty reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi"),
		ask("response: odd reason", "HTTP/1.1 200 Alles prächtig!\r\nContent-Length: 2\r\n\r\nhi"),
		ask("response: status 299", "HTTP/1.1 299 Fine\r\nContent-Length: 2\r\n\r\nhi"),
		ask("response: status 999", "HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nhi"),
		ask("response: status 600", "HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nhi"),
		ask("response: 120 headers", answer("hi", append(many(120, 10), "Content-Length: 2")...)),
		ask("response: 1,000 headers", answer("hi", append(many(1000, 10), "Content-Length: 2")...)),
		ask("response: 70 KiB in one header", answer("hi", "X-Long: "+long, "Content-Length: 2")),
		ask("response: 250 KiB of headers", answer("hi", append(many(25, 10<<10), "Content-Length: 2")...)),
		ask("response: Set-Cookie twice", answer("hi", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2", "Content-Length: 2")),
		until("response: until the end", answer("body")),
		until("response: HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
		until("response: HTTP/1.0 until the end", "HTTP/1.0 200 OK\r\n\r\nbody"),
		{name: "response: shorter than its length", request: plainGet, response: answer("hi", "Content-Length: 10"), closes: true, cut: true},
		{name: "response: chunked, cut", request: plainGet, response: answer("2\r\nhi\r\n", "Transfer-Encoding: chunked"), closes: true, cut: true},
		ask("response: chunked", answer("2\r\nhi\r\n0\r\n\r\n", "Transfer-Encoding: chunked")),
		ask("response: chunk extensions", answer("2;a=b\r\nhi\r\n0\r\n\r\n", "Transfer-Encoding: chunked")),
		ask("response: trailers", answer("2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: X-Sum")),
		ask("response: chunked twice", answer("2\r\nhi\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
		ask("response: gzip, chunked", answer("2\r\nhi\r\n0\r\n\r\n", "Transfer-Encoding: gzip, chunked")),
		ask("response: identity", answer("hi", "Transfer-Encoding: identity", "Content-Length: 2")),
		until("response: identity until the end", answer("hi", "Transfer-Encoding: identity")),
		ask("response: Content-Length twice, equal", answer("hi", "Content-Length: 2", "Content-Length: 2")),
		ask("response: Content-Length as a list", answer("hi", "Content-Length: 2, 2")),
		ask("response: Content-Length and chunked", answer("2\r\nhi\r\n0\r\n\r\n", "Content-Length: 2", "Transfer-Encoding: chunked")),
		ask("response: 204", "HTTP/1.1 204 No Content\r\n\r\n"),
		ask("response: 204 with Content-Length", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
		ask("response: 204 with chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
		ask("response: 304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2000\r\nETag: \"x\"\r\n\r\n"),
		ask("response: bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi"),
		ask("response: obsolete line folding", answer("hi", "X-Long: a", " b", "Content-Length: 2")),
		ask("response: space before the colon", answer("hi", "X-Odd : a", "Content-Length: 2")),
		ask("response: odd header names", answer("hi", "X.Dot: 1", "X_Under: 2", "X!#$%&'*+^`|~: 3", "Content-Length: 2")),
		ask("response: header name with brackets and spaces", answer("hi", "X[0]: 1", "X Odd: 2", "Content-Length: 2")),
		ask("response: header without a colon", answer("hi", "Odd", "Content-Length: 2")),
		ask("response: header name over 127", answer("hi", "X-Größe: 1", "Content-Length: 2")),
		ask("response: header value with bytes over 127", answer("hi", "Content-Disposition: attachment; filename=Müller.pdf", "X-Latin: M\xfcller", "Content-Length: 2")),
		ask("response: header value with control characters", answer("hi", "X-Bell: a\x07b", "Content-Length: 2")),
		ask("response: hop-by-hop headers", answer("hi", "Connection: keep-alive", "Keep-Alive: timeout=5, max=100", "Proxy-Authenticate: Basic", "Content-Length: 2")),
		ask("response: Envoy's own headers", answer("hi", "X-Envoy-Upstream-Service-Time: 1", "X-Envoy-Overloaded: true", "X-Envoy-Immediate-Health-Check-Fail: 1", "Content-Length: 2")),
		ask("response: 103 before the answer", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+plainOK),
		ask("response: 102 before the answer", "HTTP/1.1 102 Processing\r\n\r\n"+plainOK),
		ask("response: 100 before the answer, not asked for", "HTTP/1.1 100 Continue\r\n\r\n"+plainOK),
		ask("response: 101 not asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n"),
		until("response: not HTTP", "220 mail.example ESMTP\r\n"),
		until("response: HTTP/0.9", "<html></html>"),
		ask("response: HTTP/1.2", "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
		until("response: ICY", "ICY 200 OK\r\nicy-name: radio\r\n\r\nmusic"),
		until("response: more than its length", answer("hi there", "Content-Length: 2")),
		until("response: nothing", ""),
	}
}

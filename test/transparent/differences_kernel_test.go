//go:build kernel

package transparent

// difference is what is noticed of the proxy in an exchange of the corpus, why, and the way out.
type difference struct {
	noticed
	why string
}

const (
	codec = "Envoy's parser refuses it, and cannot hand the bytes on. " + opaque
	// opaque is the way out of everything that the parser does.
	opaque = "Way out: [opaque ports](#opaque-ports)"
	offer  = "An offer that most servers ignore is taken out of the request, so that it cannot fail ([upgrades](#upgrades))"
	taken  = "The server did not receive an offer, so a server that keeps to RFC 9110 does not answer 101. " + opaque
	hop    = "Headers of one connection are not passed on (RFC 9110, 7.6.1)"
	older  = "The proxy speaks HTTP/1.1 on its own side; what HTTP/1.0 lacks it translates in both directions"
)

// differences are those of each exchange that does not pass as if there were no proxy.
func differences() map[string]difference {
	all := map[string]difference{}
	add := func(server, client, why string, names ...string) {
		for _, name := range names {
			all[name] = difference{noticed{server, client}, why}
		}
	}
	requestDifferences(add)
	upgradeDifferences(add)
	responseDifferences(add)
	return all
}

func requestDifferences(add func(server, client, why string, names ...string)) {
	add("changed", "", "The fragment is left out: by RFC 9112, 3.2 a target has none. A server that answers 400 to it answers the rest", "fragment in the target")
	add("nothing", "`404`", "Envoy passes on targets that begin with `/` only. "+opaque, "OPTIONS *")
	add("changed", "", "The server receives the path and the Host. Envoy keeps the absolute form, which forward proxies need, for requests with `Proxy-Connection` (curl, wget, "+
		"Java send it) and to port 3128. Way out elsewhere: the proxy's port 3128, or [opaque ports](#opaque-ports)", "absolute form, without Proxy-Connection", "absolute form, https")
	add("nothing", "`400`", codec, "absolute form, ftp", "QUERY", "space before the colon", "header name with a bracket",
		"header value with control characters", "Content-Length twice, equal", "Content-Length as a list", "identity")
	add("nothing", "`501`", codec, "chunked twice", "gzip, chunked")
	add("nothing", "`400`", "Servers must answer 400 as well (RFC 9112, 3.2)", "1.1 without Host")
	add("changed", "", "Both values arrive, joined by a comma; servers must answer 400 to either (RFC 9112, 3.2)", "Host twice")
	add("changed", "", older, "HTTP/1.0", "HTTP/1.0 keep-alive", "HTTP/1.0 without Host")
	add("changed", "`502`", "The proxy asks in HTTP/1.1. "+opaque, "HTTP/0.9")
	add("changed", "changed", "Answered in HTTP/1.0. There is no such version", "HTTP/1.2")
	add("changed", "", hop, "hop-by-hop headers")
	add("changed", "", "The length is taken out, and so both ends agree on the body (RFC 9112, 6.3)", "Content-Length and chunked")
}

func upgradeDifferences(add func(server, client, why string, names ...string)) {
	for _, token := range []string{"TLS/1.2", "h2c", "TLS/1.0, HTTP/1.1", "HTTP/2.0", "own/1", "connect-udp", "IRC/6.9, RTA/x11"} {
		add("changed", "", offer, "upgrade to "+token+", not taken")
		add("changed", "changed", taken, "upgrade to "+token+", taken")
	}
	add("changed", "", offer, "Apache HttpClient 5.4", "upgrade with a body", "upgrade with a chunked body", "upgrade to h2c by Java's HttpClient",
		"Upgrade without Connection", "pipelined after an upgrade that is not taken")
	add("", "changed", "The answer's body is lost if its status is 2xx or 3xx and not 101 (4xx and 5xx pass). A server that does not know websockets there. "+opaque,
		"upgrade to websocket, not taken", "upgrade to WebSocket, not taken", "websocket refused, 302 Found")
	add("", "changed", hop, "upgrade required", "upgrade offered by the server")
}

func responseDifferences(add func(server, client, why string, names ...string)) {
	add("", "`200`", "The client receives the usual reason of the status", "response: no reason")
	add("", "changed", "The client receives the usual reason of the status", "response: empty reason")
	add("", "`502`", "More than 256 headers. "+opaque, "response: 1,000 headers")
	add("", "`502`", "More than 80 KiB: the head of an answer is held until it is whole, and the proxy's memory is bounded. "+opaque, "response: 250 KiB of headers")
	add("", "changed", older, "response: HTTP/1.0", "response: HTTP/1.0 until the end")
	add("", "`200`", "Answered in HTTP/1.1. There is no such version", "response: HTTP/1.2")
	add("", "`502`", codec, "response: chunked twice", "response: gzip, chunked", "response: identity", "response: identity until the end",
		"response: Content-Length twice, equal", "response: Content-Length as a list", "response: 204 with chunked", "response: space before the colon",
		"response: header name with brackets and spaces", "response: header without a colon", "response: header name over 127",
		"response: header value with control characters", "response: not HTTP", "response: HTTP/0.9", "response: ICY")
	add("", "changed", "The length is taken out, and so both ends agree on the body (RFC 9112, 6.3)", "response: Content-Length and chunked")
	add("", "changed", hop, "response: 101 not asked for")
	add("", "changed", "Bytes that belong to no answer are dropped", "response: more than its length")
}
